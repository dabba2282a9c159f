/* daemon.h: the parts of a running postern-policyd, for main.c (start, stop) and commands.c (the control socket). */
#pragma once
#include "lib/base/control.h"
#include "lib/base/metrics.h"
#include "policyd/policy.h"
#include "policyd/quota/quota.h"
#include "policyd/reports/receiver.h"
#include "policyd/server/server.h"
#include "policyd/signin/bans.h"
#include "policyd/signin/http.h"

struct policyd {
    const char *config_path;
    struct config *config;      /* that it was started with */
    struct check_parts parts;
    struct sql_pool *accounts_pool, *policy_pool; /* PostfixAdmin's tables (NULL: none), and ours beside them */
    struct sql_pool *quota_pool; /* PostfixAdmin's tables, for quota2 only; NULL: it is not written */
    struct quota_sockets quota_sockets;
    GMutex lock;                /* of policy */
    struct policy *policy;      /* in force */
    struct policy_server *server;
    struct control *control;
    struct metrics_server *metrics;
    struct reports *reports;    /* NULL: policyd.reports is empty */
    struct signin *signin;              /* what is known of sign-ins, whether Dovecot asks or not */
    struct signin_server *signin_server; /* NULL: Dovecot doesn't ask */
    struct bans *bans;
};
/* A reference to the policy in force. data: struct policyd. Thread-safe. */
struct policy *policyd_current(gpointer data);
/* Takes the policy over; questions that are under way end with the old one. */
void policyd_set_current(struct policyd *policyd, struct policy *policy);

extern const struct control_command policyd_commands[];
