/* dkim_test.h: what the tests of DKIM and ARC share: messages from text, and the RFCs' own examples. */
#pragma once
#include "lib/mail/auth/auth.h"
#include "tests/support/dns_table.h"
#include "tests/unit/base/test.h"
#include <string.h>

/* A message from text; length -1 = strlen. Free with auth_message_free. */
static inline struct auth_message *
message_of(const char *text, gssize length)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, length >= 0 ? (gsize)length : strlen(text));
    struct message *message = message_new(bytes, NULL);
    struct auth_message *m = auth_message_new(message, NULL);

    message_free(&message);
    assert_non_null(m);
    return m;
}

static inline gint64
soon(void)
{
    return g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
}

#define BODY "Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"
#define FIELDS                                                                                                 \
    "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n"             \
    "Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                             \
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
#define BODY_HASH "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="

/* RFC 6376 A.2 */
#define RFC6376_SIGNATURE                                                                                      \
    "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n      c=simple/simple; q=dns/txt; "        \
    "i=joe@football.example.com;\r\n      h=Received : From : To : Subject : Date : Message-ID;\r\n"             \
    "      bh=" BODY_HASH ";\r\n      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"                 \
    "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"                                             \
    "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n      4bmp/YzhwvcubU4=;\r\n"
#define RFC6376_RECEIVED                                                                                       \
    "Received: from client1.football.example.com  [192.0.2.1]\r\n      by submitserver.example.com with "        \
    "SUBMISSION;\r\n      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
#define RFC6376_KEY                                                                                            \
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"              \
    "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"             \
    "tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"

/* RFC 8463 A */
#define RFC8463_ED25519                                                                                        \
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; "                   \
    "i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"                      \
    " subject : date : message-id : from : subject : date;\r\n bh=" BODY_HASH ";\r\n"                          \
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"                                          \
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
#define RFC8463_RSA                                                                                            \
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=football.example.com; "                       \
    "i=@football.example.com;\r\n q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"                \
    " date : message-id : from : subject : date;\r\n bh=" BODY_HASH ";\r\n"                                    \
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"                                          \
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"                                          \
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
#define RFC8463_ED25519_KEY "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RFC8463_RSA_KEY                                                                                        \
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2"    \
    "jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2"      \
    "EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"

static inline struct dns_table *
rfc_keys(void)
{
    struct dns_table *table = dns_table_new();

    dns_table_add(table, "brisbane._domainkey.example.com", DNS_TXT, 0, RFC6376_KEY, -1);
    dns_table_add(table, "brisbane._domainkey.football.example.com", DNS_TXT, 0, RFC8463_ED25519_KEY, -1);
    dns_table_add(table, "test._domainkey.football.example.com", DNS_TXT, 0, RFC8463_RSA_KEY, -1);
    return table;
}
