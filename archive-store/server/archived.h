/* archived.h: what the parts of postern-archived share. Set up by main.c; read-only afterwards but for what is marked. */
#pragma once
#include <jansson.h>
#include "archive-store/index/index.h"
#include "archive-store/server/catalogue.h"
#include "archive-store/server/feed.h"
#include "archive-store/server/pool.h"
#include "archive-store/server/request.h"
#include "archive-store/server/server.h"
#include "archive-store/store/store.h"
#include "lib/base/metrics.h"
#include "lib/mail/accounts.h"
#include "lib/mail/config.h"

struct archived {
    struct config *config;
    struct store *store;
    struct archive_index *index;
    struct catalogue *catalogue;
    struct sql_pool *accounts_pool; /* NULL: not configured */
    struct accounts *accounts;
    struct feed *feed;
    struct expander *expander;
    struct server *server;
    struct pool *ingest_pool;  /* records */
    struct pool *request_pool; /* searches, fetches, status */
    struct pool *long_pool;    /* what may wait or read everything */
    gint search_budget_ms; /* atomic: reload sets it */
    gint verifying;        /* atomic: one at a time */
    gint stopping;         /* atomic: what waits may give up */
    gint64 started_us;     /* real time */
    struct metric *ingested, *failed, *ingest_time, *search_time, *unarchived;
};

/* One request on its way through a pool. */
struct work {
    struct archived *archived;
    struct exchange *exchange;
    guint8 type;
    GBytes *payload;
    struct request *request; /* after work_parse */
    gint64 began_us;         /* monotonic */
};
void work_free(struct work *work);
/* Reads a JSON payload into request; FALSE: it was bad, and the work is answered and freed. */
gboolean work_parse(struct work *work);

void archived_register_metrics(struct archived *archived);
/* server_handler: puts the request into the right pool, or answers why not. */
void archived_handle(struct exchange *exchange, guint8 type, GBytes *payload, gpointer data);

/* Each answers and finishes the exchange of the work, and frees it (pool_job). */
void ingest_run(gpointer work);
void search_run(gpointer work);
void fetch_run(gpointer work);
void status_run(gpointer work);
void verify_run(gpointer work);
void catch_up_run(gpointer work);
void reconcile_run(gpointer work);

/* Sends the failure that error means and finishes: store, index, SQL and request errors get their codes. */
void work_fail(struct work *work, const GError *error);
void work_fail_code(struct work *work, const char *code, gboolean temporary, const char *text);
/* Sends the only or last reply and finishes; json is decref'd. */
void work_reply(struct work *work, guint8 type, json_t *json);
