/* psl.c: names in the form that is compared, and their organisational domain by libpsl.
 *
 * libpsl wants its input in the form of psl_dns_name; addresses must never reach it, as it would take "2.1" of 192.0.2.1
 * for a registered domain. */
#include "lib/mail/auth/psl.h"

#include <libpsl.h>
#include <string.h>
#include <unicode/uidna.h>

#include "lib/base/dns.h"

static const UIDNA *
idna(void)
{
    static gsize once;
    static UIDNA *instance;

    if (g_once_init_enter(&once)) {
        UErrorCode status = U_ZERO_ERROR;

        instance = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ, &status);
        g_once_init_leave(&once, 1);
    }
    return instance;
}

/* A-labels of a name with other than ASCII in it, or NULL. */
static char *
to_ascii(const char *name, gsize length)
{
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode status = U_ZERO_ERROR;
    char ascii[DNS_NAME_MAX + 3];

    if (length > PSL_NAME_INPUT_MAX || !g_utf8_validate(name, (gssize)length, NULL) || idna() == NULL)
        return NULL;
    int32_t n = uidna_nameToASCII_UTF8(idna(), name, (int32_t)length, ascii, sizeof ascii, &info, &status);
    if (U_FAILURE(status) || info.errors != 0 || n <= 0 || n >= (int32_t)sizeof ascii)
        return NULL;
    return g_ascii_strdown(ascii, n);
}

/* No registry gives out a top domain of digits: it is (part of) an address. */
static gboolean
ends_in_number(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *label = dot != NULL ? dot + 1 : name;

    return label[strspn(label, "0123456789")] == '\0';
}

char *
psl_dns_name(const char *name, gssize length)
{
    gsize n = length >= 0 ? (gsize)length : strlen(name);
    gboolean ascii = TRUE;

    if (n == 0 || n > PSL_NAME_INPUT_MAX || memchr(name, '\0', n) != NULL)
        return NULL;
    for (gsize i = 0; i < n && ascii; i++)
        ascii = (guchar)name[i] < 0x80;
    g_autofree char *plain = ascii ? g_ascii_strdown(name, (gssize)n) : to_ascii(name, n);
    if (plain == NULL)
        return NULL;
    gsize end = strlen(plain);
    if (end > 0 && plain[end - 1] == '.')
        plain[end - 1] = '\0';
    /* A DNS question may hold nearly anything; a domain that mail comes from does not (RFC 5321 4.1.2, and "_"). */
    if (!dns_name_is_valid(plain) || g_str_has_suffix(plain, ".") ||
        plain[strspn(plain, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] != '\0' || ends_in_number(plain))
        return NULL;
    return g_steal_pointer(&plain);
}

static const psl_ctx_t *
list(void)
{
    static gsize once;
    static const psl_ctx_t *instance;

    if (g_once_init_enter(&once)) {
        instance = psl_latest(NULL);
        if (instance == NULL)
            instance = psl_builtin();
        g_once_init_leave(&once, 1);
    }
    return instance;
}

char *
psl_organisational_domain(const char *name)
{
    g_autofree char *plain = psl_dns_name(name, -1);

    return plain != NULL ? g_strdup(psl_registrable_domain(list(), plain)) : NULL;
}
