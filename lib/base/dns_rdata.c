/* dns_rdata.c: the answer to one question, read out of a DNS message.
 *
 * Names are handled in wire form (length octet, label, .. and the root's zero), decompressed and in lower case; they become
 * text only for the asker. One pass over the answer section follows the aliases, as resolvers put an alias before what it
 * points to. */
#include "lib/base/dns_rdata.h"
#include <string.h>

#define HEADER_LENGTH 12u
#define FLAG_RESPONSE 0x8000u  /* QR, RFC 1035 4.1.1 */
#define FLAG_TRUNCATED 0x0200u /* TC */
#define RCODE_MASK 0x000fu
#define NAME_WIRE_MAX 255u     /* RFC 1035 2.3.4 */
#define LABEL_MAX 63u
#define POINTER_MARK 0xc0u     /* RFC 1035 4.1.4 */
#define SOA_LEAST 22u          /* two root names and five numbers, RFC 1035 3.3.13 */

struct message {
    const guint8 *data;
    gsize length, at;
};
struct name {
    gsize length;
    guint8 octets[NAME_WIRE_MAX];
};
struct rr {
    struct name owner;
    guint type, class;
    guint32 ttl;
    gsize data, end; /* of RDATA in the message */
};

const char *
dns_rcode_name(guint rcode)
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

    return rcode < G_N_ELEMENTS(names) ? names[rcode] : "RCODE";
}

static gboolean
take16(struct message *m, guint *value)
{
    if (m->length - m->at < 2)
        return FALSE;
    *value = (guint)m->data[m->at] << 8 | m->data[m->at + 1];
    m->at += 2;
    return TRUE;
}

static gboolean
take32(struct message *m, guint32 *value)
{
    guint high, low;

    if (!take16(m, &high) || !take16(m, &low))
        return FALSE;
    *value = (guint32)high << 16 | low;
    return TRUE;
}

/* ---- names ---- */

/* Appends the label of length octets at data[at]; the caller has checked that it is there. */
static gboolean
name_label(struct name *name, const guint8 *label, gsize length)
{
    if (name->length + 1 + length > NAME_WIRE_MAX)
        return FALSE;
    name->octets[name->length++] = (guint8)length;
    for (gsize i = 0; i < length; i++)
        name->octets[name->length++] = (guint8)g_ascii_tolower((char)label[i]);
    return TRUE;
}

/* Reads the name at m->at and steps over it. A pointer must point before itself and before every earlier one of this name. */
static gboolean
take_name(struct message *m, struct name *name)
{
    gsize at = m->at, lowest = m->at;
    guint pointers = 0;

    name->length = 0;
    while (at < m->length) {
        guint octet = m->data[at];

        if ((octet & POINTER_MARK) == POINTER_MARK) {
            if (m->length - at < 2 || ++pointers > DNS_POINTERS_MAX)
                return FALSE;
            gsize target = (gsize)(octet & ~POINTER_MARK) << 8 | m->data[at + 1];
            if (pointers == 1)
                m->at = at + 2;
            if (target >= lowest)
                return FALSE;
            at = lowest = target;
            continue;
        }
        if (octet > LABEL_MAX || m->length - at - 1 < octet || !name_label(name, m->data + at + 1, octet))
            return FALSE;
        at += 1 + octet;
        if (octet == 0) {
            if (pointers == 0)
                m->at = at;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
name_from_text(const char *text, struct name *name)
{
    name->length = 0;
    if (!dns_name_is_valid(text))
        return FALSE;
    while (*text != '\0') {
        gsize length = strcspn(text, ".");

        if (!name_label(name, (const guint8 *)text, length))
            return FALSE;
        text += length + (text[length] == '.');
    }
    return name_label(name, NULL, 0);
}

static gboolean
name_equal(const struct name *a, const struct name *b)
{
    return a->length == b->length && memcmp(a->octets, b->octets, a->length) == 0;
}

/* The name as text, or FALSE when it can't be written plainly (RFC 1035 5.1 would escape it). */
static gboolean
name_text(const struct name *name, char text[NAME_WIRE_MAX + 1])
{
    gsize out = 0;

    for (gsize at = 0; name->octets[at] != 0; at += 1 + (gsize)name->octets[at]) {
        gsize length = name->octets[at];

        if (memchr(name->octets + at + 1, '.', length) != NULL || memchr(name->octets + at + 1, '\0', length) != NULL)
            return FALSE;
        if (out > 0)
            text[out++] = '.';
        memcpy(text + out, name->octets + at + 1, length);
        out += length;
    }
    if (out == 0)
        text[out++] = '.';
    text[out] = '\0';
    return strcmp(text, ".") == 0 || dns_name_is_valid(text);
}

/* ---- records ---- */

/* Reads one record's fixed part and steps over the record. */
static gboolean
take_rr(struct message *m, struct rr *rr)
{
    guint length;

    if (!take_name(m, &rr->owner) || !take16(m, &rr->type) || !take16(m, &rr->class) || !take32(m, &rr->ttl) ||
        !take16(m, &length) || m->length - m->at < length)
        return FALSE;
    if (rr->ttl > G_MAXINT32)
        rr->ttl = 0; /* RFC 2181 8 */
    rr->data = m->at;
    m->at += length;
    rr->end = m->at;
    return TRUE;
}

/* The name that fills RDATA from offset skip to its end. */
static gboolean
rr_name(const struct message *m, const struct rr *rr, gsize skip, struct name *name)
{
    struct message inner = {m->data, rr->end, rr->data + skip};

    return rr->end - rr->data >= skip && take_name(&inner, name) && inner.at == rr->end;
}

static gboolean
add_name(const struct message *m, const struct rr *rr, gsize skip, struct dns_answer *answer)
{
    struct name name;
    char text[NAME_WIRE_MAX + 1];
    guint preference = 0;

    if (!rr_name(m, rr, skip, &name))
        return FALSE;
    if (skip == 2)
        preference = (guint)m->data[rr->data] << 8 | m->data[rr->data + 1];
    if (name_text(&name, text))
        dns_answer_add(answer, (guint16)preference, text, strlen(text));
    return TRUE;
}

/* The strings put together, as SPF (RFC 7208 3.3) and DKIM (RFC 6376 3.6.2.2) want them. */
static gboolean
add_text(const struct message *m, const struct rr *rr, struct dns_answer *answer)
{
    g_autoptr(GByteArray) text = g_byte_array_new(), lengths = g_byte_array_new();
    gsize at = rr->data;

    if (at == rr->end)
        return FALSE; /* RFC 1035 3.3.14: one or more strings */
    while (at < rr->end) {
        gsize length = m->data[at++];

#ifdef POSTERN_PLANTED_BUGS
        if (length == 0x7f) { /* planted: believes this length */
            g_byte_array_append(text, m->data + at, (guint)length);
            break;
        }
#endif
        if (rr->end - at < length)
            return FALSE;
        g_byte_array_append(text, m->data + at, (guint)length);
        g_byte_array_append(lengths, m->data + at - 1, 1);
        at += length;
    }
    dns_answer_add_strings(answer, text->data, text->len, lengths->data, lengths->len);
    return TRUE;
}

/* MNAME, with which the record begins (RFC 1035 3.3.13). */
static gboolean
add_primary(const struct message *m, const struct rr *rr, struct dns_answer *answer)
{
    struct message inner = {m->data, rr->end, rr->data};
    struct name name;
    char text[NAME_WIRE_MAX + 1];

    if (rr->end - rr->data < SOA_LEAST || !take_name(&inner, &name))
        return FALSE;
    if (name_text(&name, text))
        dns_answer_add(answer, 0, text, strlen(text));
    return TRUE;
}

static gboolean
add_address(const struct message *m, const struct rr *rr, gsize length, struct dns_answer *answer)
{
    if (rr->end - rr->data != length)
        return FALSE;
    dns_answer_add(answer, 0, m->data + rr->data, length);
    return TRUE;
}

static gboolean
add_record(const struct message *m, const struct rr *rr, struct dns_answer *answer)
{
    switch ((enum dns_type)rr->type) {
    case DNS_A:
        return add_address(m, rr, 4, answer);
    case DNS_AAAA:
        return add_address(m, rr, 16, answer);
    case DNS_TXT:
        return add_text(m, rr, answer);
    case DNS_MX:
        return add_name(m, rr, 2, answer);
    case DNS_NS:
    case DNS_PTR:
        return add_name(m, rr, 0, answer);
    case DNS_SOA:
        return add_primary(m, rr, answer);
    }
    return FALSE;
}

/* ---- the message ---- */

struct head {
    guint flags, questions, answers, authorities;
};

static gboolean
take_head(struct message *m, struct head *head)
{
    guint id, additional;

    return take16(m, &id) && take16(m, &head->flags) && take16(m, &head->questions) && take16(m, &head->answers) &&
           take16(m, &head->authorities) && take16(m, &additional) && (head->flags & FLAG_RESPONSE) != 0 &&
           head->questions == 1;
}

/* The answer section: adds the records that belong to name, aliases followed. NULL, or what is wrong with it. */
static const char *
read_answers(struct message *m, const struct head *head, struct name *name, guint type, struct dns_answer *answer)
{
    guint aliases = 0;
    struct rr rr;

    answer->ttl = G_MAXUINT32;
    for (guint i = 0; i < head->answers; i++) {
        if (!take_rr(m, &rr))
            return "malformed answer";
        if (rr.class != DNS_CLASS_IN || !name_equal(&rr.owner, name))
            continue;
        if (rr.type == type) {
            if (!add_record(m, &rr, answer))
                return "malformed answer";
        } else if (rr.type == DNS_TYPE_CNAME) {
            if (!rr_name(m, &rr, 0, name))
                return "malformed answer";
            if (++aliases > DNS_CNAMES_MAX)
                return "too many aliases";
        } else {
            continue;
        }
        answer->ttl = MIN(answer->ttl, rr.ttl);
    }
    return NULL;
}

/* How long it holds that there is nothing (RFC 2308 5): no longer than the alias that led there. FALSE: malformed. */
static gboolean
read_negative_ttl(struct message *m, const struct head *head, struct dns_answer *answer)
{
    guint32 ttl = 0;
    struct rr rr;

    for (guint i = 0; i < head->authorities; i++) {
        if (!take_rr(m, &rr))
            return FALSE;
        if (rr.class != DNS_CLASS_IN || rr.type != DNS_TYPE_SOA)
            continue;
        struct message minimum = {m->data, rr.end, rr.end - 4};
        if (rr.end - rr.data < SOA_LEAST || !take32(&minimum, &ttl))
            return FALSE;
        ttl = MIN(ttl, rr.ttl);
    }
    answer->ttl = MIN(answer->ttl, ttl);
    return TRUE;
}

static struct dns_answer *
failure(struct dns_answer *answer, const char *why)
{
    dns_answer_free(&answer);
    answer = dns_answer_new(DNS_FAILED);
    answer->why = g_strdup(why);
    return answer;
}

struct dns_answer *
dns_rdata_answer(const guint8 *message, gsize length, const char *name, enum dns_type type)
{
    struct message m = {message, length, 0};
    struct dns_answer *answer = dns_answer_new(DNS_NO_DATA);
    struct head head;
    struct name current, asked;
    guint asked_type, asked_class;

    if (!name_from_text(name, &current) || !take_head(&m, &head) || !take_name(&m, &asked) || !take16(&m, &asked_type) ||
        !take16(&m, &asked_class) || !name_equal(&asked, &current) || asked_type != (guint)type ||
        asked_class != DNS_CLASS_IN)
        return failure(answer, "malformed answer");
    guint rcode = head.flags & RCODE_MASK;
    if (rcode != DNS_RCODE_NOERROR && rcode != DNS_RCODE_NXDOMAIN) {
        answer = failure(answer, dns_rcode_name(rcode));
        answer->rcode = rcode;
        return answer;
    }
    if ((head.flags & FLAG_TRUNCATED) != 0)
        return failure(answer, "the answer is cut short");
    const char *wrong = read_answers(&m, &head, &current, type, answer);
    if (wrong != NULL)
        return failure(answer, wrong);
    if (rcode == DNS_RCODE_NXDOMAIN && (answer->records->len > 0 || answer->truncated))
        return failure(answer, "malformed answer"); /* says both that it is there and that it is not */
    if (answer->records->len > 0)
        answer->outcome = DNS_FOUND;
    else if (!read_negative_ttl(&m, &head, answer))
        return failure(answer, "malformed answer");
    else if (rcode == DNS_RCODE_NXDOMAIN)
        answer->outcome = DNS_NO_NAME;
    return answer;
}

enum dns_signatures
dns_rdata_signatures(const guint8 *message, gsize length)
{
    struct message m = {message, length, 0};
    gboolean keys = FALSE, signature = FALSE;
    struct head head;
    struct name asked;
    guint type, class;
    struct rr rr;

    if (!take_head(&m, &head) || !take_name(&m, &asked) || !take16(&m, &type) || !take16(&m, &class) ||
        ((head.flags & RCODE_MASK) != DNS_RCODE_NOERROR && (head.flags & RCODE_MASK) != DNS_RCODE_NXDOMAIN))
        return DNS_SIGNATURES_UNKNOWN;
    for (guint i = 0; i < head.answers; i++) {
        if (!take_rr(&m, &rr))
            return DNS_SIGNATURES_UNKNOWN;
        keys = keys || rr.type == DNS_TYPE_DNSKEY;
        signature = signature || rr.type == DNS_TYPE_RRSIG;
    }
    return keys && signature ? DNS_SIGNATURES_PASSED : DNS_SIGNATURES_STRIPPED;
}
