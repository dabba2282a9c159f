/* databases.c: see databases.h. */
#include "lib/mail/databases.h"
#include <string.h>

/* While a message waits at end of data the accounts are asked; an answer that takes longer is "away". */
#define ACCOUNTS_TIMEOUT_MS 5000
#define CATALOGUE_RETRY_MS 2000
#define REPORTS_RETRY_MS 2000

void
databases_catalogue(const struct config_archived *config, struct sql_options *options_r, char **path_r)
{
    memset(options_r, 0, sizeof *options_r);
    *path_r = NULL;
    if (config->catalogue_driver == 0) {
        *path_r = g_build_filename(config->dir, "catalogue.db", NULL);
        options_r->driver = "sqlite";
        options_r->path = *path_r;
        return;
    }
    options_r->driver = "mariadb";
    options_r->host = config->catalogue_host;
    options_r->port = (guint)config->catalogue_port;
    options_r->database = config->catalogue_database;
    options_r->user = config->catalogue_user;
    options_r->password = config->catalogue_password;
    options_r->retry_ms = CATALOGUE_RETRY_MS;
}

gboolean
databases_accounts(const struct config_accounts *config, struct sql_options *options_r)
{
    memset(options_r, 0, sizeof *options_r);
    options_r->read_only = TRUE;
    options_r->retry_ms = (guint)CLAMP(config->retry, 0, 3600000);
    options_r->timeout_ms = ACCOUNTS_TIMEOUT_MS;
    switch (config->driver) {
    case 1:
        options_r->driver = "sqlite";
        options_r->path = config->path;
        return TRUE;
    case 2:
        options_r->driver = "mariadb";
        options_r->host = config->host;
        options_r->port = (guint)config->port;
        options_r->database = config->database;
        options_r->user = config->user;
        options_r->password = config->password;
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean
databases_reports(const struct config_dmarc *config, struct sql_options *options_r)
{
    memset(options_r, 0, sizeof *options_r);
    options_r->retry_ms = REPORTS_RETRY_MS;
    switch ((enum config_dmarc_driver)config->driver) {
    case CONFIG_DMARC_SQLITE:
        options_r->driver = "sqlite";
        options_r->path = config->path;
        return TRUE;
    case CONFIG_DMARC_MARIADB:
        options_r->driver = "mariadb";
        options_r->host = config->host;
        options_r->port = (guint)config->port;
        options_r->database = config->database;
        options_r->user = config->user;
        options_r->password = config->password;
        return TRUE;
    case CONFIG_DMARC_NONE:
        break;
    }
    return FALSE;
}

void
databases_policy(const struct config_policyd *config, struct sql_options *options_r)
{
    *options_r = (struct sql_options){.driver = config->driver == CONFIG_POLICYD_SQLITE ? "sqlite" : "mariadb",
                                      .path = config->path,
                                      .create = TRUE,
                                      .host = config->host,
                                      .port = (guint)config->port,
                                      .database = config->database,
                                      .user = config->db_user,
                                      .password = config->password};
}
