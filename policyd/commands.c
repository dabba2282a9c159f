/* commands.c: what the control socket understands: reload, status, test, stop.
 *
 * A reload makes all checks of the new configuration beside the old ones and then swaps them; when anything is wrong the old ones stay. */
#include <jansson.h>
#include <string.h>
#include "lib/base/daemon.h"
#include "policyd/admin.h"
#include "policyd/daemon.h"
#include "policyd/quota/quota_admin.h"
#include "policyd/signin/admin.h"
#include "policyd/tables/admin.h"

struct policy *
policyd_current(gpointer data)
{
    struct policyd *policyd = data;
    struct policy *policy;

    g_mutex_lock(&policyd->lock);
    policy = policy_ref(policyd->policy);
    g_mutex_unlock(&policyd->lock);
    return policy;
}

void
policyd_set_current(struct policyd *policyd, struct policy *policy)
{
    struct policy *old;

    g_mutex_lock(&policyd->lock);
    old = policyd->policy;
    policyd->policy = policy;
    g_mutex_unlock(&policyd->lock);
    policy_unref(old);
}

/* Names of changed settings that are only read at the start. */
static void
note_fixed(const struct config_policyd *old, const struct config_policyd *fresh, GString *answer)
{
    const struct {
        const char *name;
        gboolean changed;
    } fixed[] = {
        {"listen", !g_strv_equal((const char *const *)old->listen, (const char *const *)fresh->listen)},
        {"socket_mode", old->socket_mode != fresh->socket_mode},
        {"socket_group", strcmp(old->socket_group, fresh->socket_group) != 0},
        {"control", strcmp(old->control, fresh->control) != 0},
        {"metrics", strcmp(old->metrics, fresh->metrics) != 0},
        {"reports", strcmp(old->reports, fresh->reports) != 0},
        {"user", strcmp(old->user, fresh->user) != 0},
        {"threads", old->threads != fresh->threads},
        {"connections", old->connections != fresh->connections},
        {"driver", old->driver != fresh->driver},
        {"path", strcmp(old->path, fresh->path) != 0},
        {"host", strcmp(old->host, fresh->host) != 0},
        {"port", old->port != fresh->port},
        {"database", strcmp(old->database, fresh->database) != 0},
        {"db_user", strcmp(old->db_user, fresh->db_user) != 0},
        {"password", strcmp(old->password, fresh->password) != 0},
        {"node", strcmp(old->node, fresh->node) != 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (fixed[i].changed)
            g_string_append_printf(answer, "; policyd.%s takes effect only when postern-policyd is started anew", fixed[i].name);
}

static void
note_fixed_signin(const struct config_signin *old, const struct config_signin *fresh, GString *answer)
{
    if (strcmp(old->listen, fresh->listen) != 0 || strcmp(old->api_key, fresh->api_key) != 0 || strcmp(old->ban_file, fresh->ban_file) != 0)
        g_string_append(answer, "; signin.listen, signin.api_key and signin.ban_file take effect only when postern-policyd is started anew");
}

static void
note_fixed_quota(const struct config_quota *old, const struct config_quota *fresh, GString *answer)
{
    const struct {
        const char *name;
        gboolean changed;
    } fixed[] = {{"listen", strcmp(old->listen, fresh->listen) != 0},
                 {"script", strcmp(old->script, fresh->script) != 0},
                 {"socket_mode", old->socket_mode != fresh->socket_mode},
                 {"quota2", (old->quota2 == CONFIG_QUOTA2_WRITE) != (fresh->quota2 == CONFIG_QUOTA2_WRITE)}};

    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (fixed[i].changed)
            g_string_append_printf(answer, "; quota.%s takes effect only when postern-policyd is started anew", fixed[i].name);
}

static gboolean
on_reload(const char *args, GString *answer, gpointer data)
{
    struct policyd *policyd = data;
    struct settings_report *report = settings_report_new();
    struct config *fresh = config_load(policyd->config_path, report);

    (void)args;
    if (fresh != NULL) {
        log_open("postern-policyd", (enum log_target)fresh->log.target, (enum log_format)fresh->log.format, (enum log_severity)fresh->log.least);
        policy_accounts_forget(policyd->parts.accounts);
        state_keep_audit(policyd->parts.state, fresh->policyd.keep_audit);
        abuse_configure(policyd->parts.abuse, fresh);
        policyd_set_current(policyd, policy_new(fresh, &policyd->parts));
        signin_reload(policyd->signin, fresh);
        g_string_append_printf(answer, "the new configuration is in effect, with %u checks", g_strv_length(fresh->policyd.checks));
        quota_reload(policyd->parts.quota, fresh);
        note_fixed(&policyd->config->policyd, &fresh->policyd, answer);
        note_fixed_signin(&policyd->config->signin, &fresh->signin, answer);
        note_fixed_quota(&policyd->config->quota, &fresh->quota, answer);
    }
    for (guint i = 0; i < report->errors->len + report->warnings->len; i++)
        g_string_append_printf(answer, "%s%s", answer->len > 0 ? "; " : "",
                               (const char *)(i < report->errors->len ? g_ptr_array_index(report->errors, i)
                                                                      : g_ptr_array_index(report->warnings, i - report->errors->len)));
    log_text(fresh != NULL ? LOG_SEV_INFO : LOG_SEV_WARNING, "reload", "%s%s", fresh != NULL ? "" : "the old configuration stays: ", answer->str);
    settings_report_free(&report);
    config_unref(fresh);
    return fresh != NULL;
}

static gboolean
on_status(const char *args, GString *answer, gpointer data)
{
    struct policyd *policyd = data;
    struct policy *policy = policyd_current(policyd);

    (void)args;
    g_string_append_printf(answer, "connections=%u checks=%u", policy_server_connections(policyd->server), policy->checks->len);
    policy_unref(policy);
    return TRUE;
}

/* A request of the words NAME=VALUE, percent-encoded, between blanks. NULL and why in answer. */
static struct policy_request *
make_request(const char *args, GString *answer)
{
    g_auto(GStrv) words = g_strsplit(args, " ", (gint)POLICY_ATTRIBUTES_MAX);
    g_autoptr(GString) text = g_string_new("request=smtpd_access_policy\n");
    g_autofree char *problem = NULL;
    struct policy_request *request;

    for (char **word = words; *word != NULL; word++) {
        g_autofree char *plain = g_uri_unescape_string(*word, NULL);
        const char *equals = plain != NULL ? strchr(plain, '=') : NULL;
        enum policy_attribute attribute;
        if (**word == '\0')
            continue;
        if (equals == NULL || strchr(plain, '\n') != NULL || !policy_attribute_find(plain, (gsize)(equals - plain), &attribute)) {
            g_string_append_printf(answer, "\"%s\" is no attribute; write it as client_address=192.0.2.1", plain != NULL ? plain : *word);
            return NULL;
        }
        g_string_append_printf(text, "%s\n", plain);
    }
    request = policy_request_parse(text->str, text->len, &problem);
    if (request == NULL)
        g_string_append(answer, problem);
    return request;
}

/* What would be answered, and why: a JSON object. Nothing is counted or remembered. */
static gboolean
on_test(const char *args, GString *answer, gpointer data)
{
    struct policyd *policyd = data;
    struct policy_request *request = make_request(args, answer);
    struct evaluation *evaluation;
    struct policy *policy;
    json_t *told;
    char *text;

    if (request == NULL)
        return FALSE;
    policy = policyd_current(policyd);
    evaluation = evaluation_new(policy, request, g_get_real_time() / 1000);
    policy_unref(policy);
    evaluation->trial = TRUE;
    evaluation->trace = g_string_new(NULL);
    evaluation_run(evaluation, TRUE);
    told = json_pack("{s:s%, s:s, s:s}", "action", evaluation->answer->str, evaluation->answer->len, "check",
                     evaluation->by != NULL ? evaluation->by->config->title : "", "story", evaluation->trace->str);
    text = told != NULL ? json_dumps(told, JSON_COMPACT) : NULL;
    g_string_append(answer, text != NULL ? text : "an address in the request is not UTF-8");
    json_decref(told);
    free(text);
    evaluation_free(evaluation);
    return told != NULL;
}

static gboolean
on_stop(const char *args, GString *answer, gpointer data)
{
    (void)args;
    (void)data;
    g_string_append(answer, "stopping");
    daemon_request_stop();
    return TRUE;
}

const struct control_command policyd_commands[] = {
    {"reload", "read the configuration again and put its checks in force", on_reload},
    {"status", "how it is, in one line", on_status},
    {"test", "NAME=VALUE ..: what would be answered, and why", on_test},
    {"marks", "KIND TEXT LIMIT: what is remembered with TEXT in it", admin_marks},
    {"forget", "KIND TEXT: forgets it", admin_forget},
    {"import", "CLIENT SENDER RECIPIENT FIRST LAST PASSED: a triplet that another program has seen", admin_import},
    {"rates", "TEXT LIMIT: how much of limits is used", admin_rates},
    {"facts", "KIND: what was decided", admin_facts},
    {"fact-put", "KIND SUBJECT SECONDS BY REASON: decides it", admin_fact_put},
    {"fact-drop", "KIND SUBJECT BY REASON: takes it back", admin_fact_drop},
    {"quota-show", "USER: what a mailbox holds", quota_admin_show},
    {"quota-list", "PERCENT LIMIT: mailboxes that are so full", quota_admin_list},
    {"audit", "SUBJECT LIMIT: who decided what", admin_audit},
    {"abuse", "ACCOUNT: its score, and the signs of misuse that it is made of", admin_abuse},
    {"lists", "AFTER: names of lists, and how many entries they have", tables_admin_lists},
    {"list-show", "NAME AFTER: entries of a list", tables_admin_list_show},
    {"list-add", "NAME BY REASON ENTRY..: puts entries into a list", tables_admin_list_add},
    {"list-remove", "NAME BY REASON ENTRY..: takes them out", tables_admin_list_remove},
    {"senders", "LOGIN AFTER: what it may send as besides its own addresses", tables_admin_senders},
    {"sender-add", "LOGIN BY REASON SENDER..: lets it send as these", tables_admin_sender_add},
    {"sender-remove", "LOGIN BY REASON SENDER..: no more", tables_admin_sender_remove},
    {"limits", "PART: limits of their own, of subjects with PART in them, and those that hold for it", tables_admin_limits},
    {"limit-put", "SUBJECT METER BY REASON LIMIT..: gives it limits of its own, as 500/hour", tables_admin_limit_put},
    {"limit-drop", "SUBJECT METER WINDOW BY REASON: takes them back", tables_admin_limit_drop},
    {"signin", "USER or NETWORK: what is known of its sign-ins", signin_admin_show},
    {"signin-suspend", "ACCOUNT SECONDS BY REASON: neither signs in nor sends", signin_admin_suspend},
    {"signin-ban", "NETWORK SECONDS BY REASON: nobody signs in from there", signin_admin_ban},
    {"signin-allow", "USER or NETWORK, BY REASON: lets it sign in again", signin_admin_allow},
    {"stop", "answer what is due and end", on_stop},
    {NULL, NULL, NULL},
};
