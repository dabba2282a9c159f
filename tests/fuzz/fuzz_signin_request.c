/* fuzz_signin_request.c: any bytes as the body of a request of Dovecot's auth policy; what is one is decided about and counted. */
#include "policyd/signin/signin.h"
#include "policyd/state/private.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static struct signin *signin;

static void
prepare(void)
{
    const struct state_options options = {.node = "f", .marks_max = 1000, .meters_max = 1000};
    struct settings_report *report = settings_report_new();
    struct config *config = config_load(NULL, report);
    struct state *state = state_new(&options);

    state->loaded = TRUE;
    signin = signin_new(state, config);
    config_unref(config);
    settings_report_free(&report);
}

static void
decide(const struct signin_request *request)
{
    struct signin_answer answer;
    gboolean banned;

    signin_allow(signin, request, 1790000000000, &answer);
    if (answer.status < -1 || answer.status > 15)
        g_error("status %d", answer.status);
    if (request->told && signin_report(signin, request, 1790000000000, &banned) >= SIGNIN_COUNTED)
        g_error("no result");
    g_free(signin_network(request->remote));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree char *copy = g_memdup2(data, size);
    const char *problem = NULL;
    struct signin_request *request = signin_request_parse(copy != NULL ? copy : "", size, &problem);

    if (signin == NULL)
        prepare();
    if ((request == NULL) != (problem != NULL))
        g_error("neither a request nor a problem");
    if (request != NULL) {
        if (strlen(request->user) > SIGNIN_USER_MAX || strlen(request->remote) > SIGNIN_TEXT_MAX || strlen(request->session) > SIGNIN_TEXT_MAX)
            g_error("a value is too long");
        if (!g_utf8_validate(request->user, -1, NULL))
            g_error("the user is no UTF-8");
        decide(request);
    }
    signin_request_free(request);
    return 0;
}
