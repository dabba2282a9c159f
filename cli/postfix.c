/* postfix.c: asks postconf for what decides whether mail can pass unarchived. No shell is involved.
 *
 * milter_default_action = accept means: when the milter is away, mail goes on without it. That may stand in
 * main.cf, per milter ({ inet:host:port, default_action=accept }), and per service in master.cf. */
#include "cli/cli.h"
#include <string.h>

#define POSTFIX_OUTPUT_MAX 65536u

/* postfix_ask - runs postconf with up to two arguments; its output without the newline, or NULL and error */
static char *
postfix_ask(const char *postconf, const char *config_dir, const char *flag, const char *what, GError **error)
{
    const char *argv[8];
    guint n = 0;
    g_autofree char *out = NULL, *err = NULL;
    int status = 0;
    argv[n++] = postconf;
    if (config_dir) {
        argv[n++] = "-c";
        argv[n++] = config_dir;
    }
    argv[n++] = flag;
    argv[n++] = what;
    argv[n] = NULL;
    if (!g_spawn_sync(NULL, (char **)(guintptr)argv, NULL, G_SPAWN_STDIN_FROM_DEV_NULL, NULL, NULL, &out, &err, &status,
                      error))
        return NULL;
    if (!g_spawn_check_wait_status(status, NULL)) {
        g_autoptr(GString) text = g_string_new(NULL);
        log_sanitize(text, err, strcspn(err, "\n"), 200);
        g_set_error(error, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED, "%s", text->str);
        return NULL;
    }
    if (strlen(out) > POSTFIX_OUTPUT_MAX)
        out[POSTFIX_OUTPUT_MAX] = '\0';
    return g_strchomp(g_steal_pointer(&out));
}

/* postfix_value_accepts - "accept" as a word of its own after default_action and "=" */
static gboolean
postfix_value_accepts(const char *value)
{
    return g_regex_match_simple("default_action\\s*=\\s*accept\\b", value, 0, 0);
}

static void
postfix_check_actions(const char *postconf, const char *config_dir, GPtrArray *warnings)
{
    static const char *const lists[] = {"smtpd_milters", "non_smtpd_milters"};
    static const char fix[] = "mail passes unarchived while the milter is away; use tempfail";
    g_autoptr(GError) error = NULL;
    g_autofree char *action = postfix_ask(postconf, config_dir, "-h", "milter_default_action", &error);
    if (!action) {
        g_ptr_array_add(warnings, g_strdup_printf("Postfix: %s: %s", postconf, error->message));
        return;
    }
    if (strcmp(action, "accept") == 0)
        g_ptr_array_add(warnings, g_strdup_printf("Postfix: milter_default_action = accept: %s", fix));
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autofree char *value = postfix_ask(postconf, config_dir, "-h", lists[i], NULL);
        if (value && postfix_value_accepts(value))
            g_ptr_array_add(warnings, g_strdup_printf("Postfix: %s has default_action=accept: %s", lists[i], fix));
    }
    g_autofree char *services = postfix_ask(postconf, config_dir, "-P", "*/*/milter_default_action", NULL);
    g_auto(GStrv) lines = g_strsplit(services ? services : "", "\n", -1);
    for (char **line = lines; *line; line++)
        if (postfix_value_accepts(*line))
            g_ptr_array_add(warnings, g_strdup_printf("Postfix: master.cf: %s: %s", *line, fix));
}

static void
postfix_check_size(const struct config *config, const char *postconf, const char *config_dir, GPtrArray *warnings)
{
    g_autofree char *limit = postfix_ask(postconf, config_dir, "-h", "message_size_limit", NULL);
    guint64 bytes;
    if (limit && g_ascii_string_to_unsigned(limit, 10, 0, G_MAXUINT64, &bytes, NULL) &&
        (bytes == 0 || bytes > (guint64)config->milter.max_message))
        g_ptr_array_add(warnings,
                        g_strdup_printf("Postfix: message_size_limit = %s is more than milter.max_message: messages "
                                        "between the two are received whole and then refused; lower it to %"
                                        G_GINT64_FORMAT, limit, config->milter.max_message));
}

void
cli_check_postfix(const struct config *config, const char *config_dir, GPtrArray *warnings)
{
    g_autofree char *postconf = g_find_program_in_path("postconf");
    if (!postconf && g_file_test("/usr/sbin/postconf", G_FILE_TEST_IS_EXECUTABLE))
        postconf = g_strdup("/usr/sbin/postconf"); /* not in every user's PATH */
    if (!postconf) {
        if (config_dir)
            g_ptr_array_add(warnings, g_strdup("Postfix: postconf was not found, so nothing about Postfix was checked"));
        return;
    }
    postfix_check_actions(postconf, config_dir, warnings);
    postfix_check_size(config, postconf, config_dir, warnings);
}
