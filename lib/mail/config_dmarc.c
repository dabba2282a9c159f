/* config_dmarc.c: the table of the section dmarc: where DMARC reports are kept, and how ours are sent. */
#include "lib/mail/config_private.h"
#include <string.h>
#include "lib/mail/auth/dmarc_rua.h"

#define DAY (G_GINT64_CONSTANT(86400) * 1000)

static const char *const drivers[] = {"none", "sqlite", "mariadb", NULL}; /* enum config_dmarc_driver */

const struct setting dmarc_settings[] = {
    ROW(config_dmarc, driver, SETTING_ENUM, "none", .choices = drivers,
        .doc = "Database for what inbound mail was found to be and for the reports of others: none, a SQLite "
               "file, or a MariaDB server. postern db init makes its tables."),
    ROW(config_dmarc, path, SETTING_PATH, "/var/lib/postern/reports/reports.db", .min = 1,
        .doc = "The database file, when the driver is sqlite. Its directory must be the milter's to write."),
    ROW(config_dmarc, host, SETTING_STRING, "localhost", .max = 255,
        .doc = "Host of the MariaDB server, or the path of its socket."),
    ROW(config_dmarc, port, SETTING_INT, "3306", .min = 1, .max = 65535,
        .doc = "Port of the MariaDB server."),
    ROW(config_dmarc, database, SETTING_STRING, "", .max = 64, .doc = "Name of the MariaDB database."),
    ROW(config_dmarc, user, SETTING_STRING, "", .max = 128, .doc = "MariaDB account."),
    ROW(config_dmarc, password, SETTING_STRING, "", .secret = TRUE, .max = 1024,
        .doc = "Password of the MariaDB account; keep the file that holds it unreadable to others."),
    ROW(config_dmarc, report, SETTING_BOOL, "no",
        .doc = "Whether postern dmarc report sends domain owners what was found about mail in their name."),
    ROW(config_dmarc, organisation, SETTING_STRING, "", .max = 255,
        .doc = "Our name in the reports that are sent."),
    ROW(config_dmarc, contact, SETTING_STRING, "", .max = 320,
        .doc = "Address in the reports that are sent, for those who have a question about them."),
    ROW(config_dmarc, from, SETTING_STRING, "", .max = 320,
        .doc = "Address that reports are sent from, in the envelope and in From; its domain is the reporting one. "
               "Mail that bounces comes back to it."),
    ROW(config_dmarc, smtp, SETTING_SOCKET, "inet:25@127.0.0.1", .min = 1,
        .doc = "Where reports are handed to Postfix, as inet:PORT@HOST or unix:/path. SMTP says at once what "
               "is refused, and works from a container and from a service without set-gid rights, which sendmail needs."),
    ROW(config_dmarc, keep, SETTING_TIME, "400d", .min = 8 * DAY, .max = 3660 * DAY,
        .doc = "How long all of it is kept; postern dmarc report takes away what is older."),
    {.name = NULL}};

gboolean
config_is_plain_address(const char *text)
{
    g_autofree char *uri = g_strconcat("mailto:", text, NULL), *address = NULL;

    if (strpbrk(text, "%?") != NULL)
        return FALSE;
    address = dmarc_rua_address(uri);
    return address != NULL;
}

static void
check_address(struct settings_report *report, const char *name, const char *value, gboolean needed)
{
    if (*value == '\0' && needed)
        settings_complain(report, TRUE, "dmarc", name, "is empty; report = yes needs it");
    else if (*value != '\0' && !config_is_plain_address(value))
        settings_complain(report, TRUE, "dmarc", name,
                          "is no plain address; write it as postmaster@example.org");
}

void
dmarc_check(const void *section, struct settings_report *report)
{
    const struct config_dmarc *dmarc = section;

    if (dmarc->driver == CONFIG_DMARC_MARIADB && *dmarc->database == '\0')
        settings_complain(report, TRUE, "dmarc", "database", "is empty; driver = mariadb needs it");
    if (dmarc->driver == CONFIG_DMARC_MARIADB && *dmarc->user == '\0')
        settings_complain(report, TRUE, "dmarc", "user", "is empty; driver = mariadb needs it");
    if (dmarc->report && dmarc->driver == CONFIG_DMARC_NONE)
        settings_complain(report, TRUE, "dmarc", "driver", "is none; report = yes needs a database");
    if (dmarc->report && *dmarc->organisation == '\0')
        settings_complain(report, TRUE, "dmarc", "organisation", "is empty; report = yes needs it");
    check_address(report, "contact", dmarc->contact, dmarc->report);
    check_address(report, "from", dmarc->from, dmarc->report);
    if (!g_str_has_prefix(dmarc->smtp, "inet:") && !g_str_has_prefix(dmarc->smtp, "unix:"))
        settings_complain(report, TRUE, "dmarc", "smtp", "must be inet:PORT@HOST or unix:/path");
    if (g_str_has_prefix(dmarc->smtp, "inet:") && strchr(dmarc->smtp, '*') != NULL)
        settings_complain(report, TRUE, "dmarc", "smtp", "needs the host that reports are handed to");
}
