/* null_milter: the peer of the milter-hop bench: a libmilter program that takes every callback, with a reply
 * each, and accepts everything.
 *
 * SYNOPSIS  null_milter ADDRESS */
#include <libmilter/mfapi.h>
#include <stdio.h>

static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    (void)ctx, (void)host, (void)address;
    return SMFIS_CONTINUE;
}

static sfsistat
on_string(SMFICTX *ctx, char *text)
{
    (void)ctx, (void)text;
    return SMFIS_CONTINUE;
}

static sfsistat
on_envelope(SMFICTX *ctx, char **arguments)
{
    (void)ctx, (void)arguments;
    return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
    (void)ctx, (void)name, (void)value;
    return SMFIS_CONTINUE;
}

static sfsistat
on_event(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_CONTINUE;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *bytes, size_t length)
{
    (void)ctx, (void)bytes, (void)length;
    return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
    struct smfiDesc description = {
        .xxfi_name = (char *)"null", .xxfi_version = SMFI_VERSION, .xxfi_connect = on_connect,
        .xxfi_helo = on_string, .xxfi_envfrom = on_envelope, .xxfi_envrcpt = on_envelope,
        .xxfi_header = on_header, .xxfi_eoh = on_event, .xxfi_body = on_body, .xxfi_eom = on_event,
        .xxfi_data = on_event, .xxfi_unknown = NULL,
    };
    if (argc != 2) {
        fprintf(stderr, "usage: null_milter ADDRESS\n");
        return 2;
    }
    if (smfi_setconn(argv[1]) == MI_FAILURE || smfi_register(description) == MI_FAILURE)
        return 1;
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
