/* policy_request: see the header. Attributes and their order are those of tests/recordings/policy/3.10/plain.txt and sasl.txt. */
#include "tests/bench/policy_request.h"

#include <inttypes.h>
#include <stdio.h>

/* splitmix64: an even spread from consecutive numbers. */
static uint64_t
mixed(uint64_t n)
{
    n += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
    return n ^ (n >> 31);
}

/* Networks that send no mail to anyone, and so are on nobody's list of those that pass. */
static const unsigned char first_octets[] = {11, 21, 22, 26, 28, 29, 30, 33, 55, 214, 215};

static uint64_t
one_of(uint64_t number, uint64_t count)
{
    return count ? number % count : number;
}

size_t
policy_request_write(const PolicyPopulation *population, uint64_t triplet, uint64_t serial, char out[POLICY_REQUEST_MAX])
{
    uint64_t base = mixed(population->seed ^ (triplet << 1)), other = mixed(base), third = mixed(other);
    uint64_t network = mixed(one_of(base, population->networks)), domain = one_of(other, population->senders);
    uint64_t recipient = one_of(third, population->recipients);
    unsigned a = first_octets[network % sizeof first_octets], b = (network >> 8) & 255, c = (network >> 16) & 255;
    unsigned d = 1 + (unsigned)((base >> 40) % 254);
    char address[24], client[64], user[48], sender[96];
    snprintf(address, sizeof address, "%u.%u.%u.%u", a, b, c, d);
    snprintf(client, sizeof client, "mx%u.net-%" PRIx64 ".test", d, network & 0xffffff);
    snprintf(user, sizeof user, "u%" PRIx64 "@example.test", recipient);
    if (population->sasl)
        snprintf(sender, sizeof sender, "%s", user);
    else
        snprintf(sender, sizeof sender, "s%" PRIx64 "@d%" PRIx64 ".test", other >> 48, domain);
    int length = snprintf(out, POLICY_REQUEST_MAX,
        "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=%s\nclient_name=%s\n"
        "client_port=%u\nreverse_client_name=%s\nserver_address=192.0.2.1\nserver_port=%d\nhelo_name=%s\nsender=%s\n"
        "recipient=%s\nrecipient_count=0\nqueue_id=\ninstance=%x.%x.%x.0\nsize=%u\netrn_domain=\nstress=\nsasl_method=%s\n"
        "sasl_username=%s\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n"
        "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n"
        "compatibility_level=3.6\nmail_version=3.10.0\n\n",
        address, client, 1024 + (unsigned)(third % 60000), client, population->sasl ? 587 : 25, client, sender,
        population->sasl ? "friend@outside.test" : user, (unsigned)(serial >> 16) + 1, (unsigned)(serial >> 32) + 0x5e0be100U,
        (unsigned)serial & 0xffffU, 1000 + (unsigned)(base % 50000), population->sasl ? "PLAIN" : "", population->sasl ? user : "");
    return length > 0 && length < POLICY_REQUEST_MAX ? (size_t)length : 0;
}
