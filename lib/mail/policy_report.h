/* policy_report.h: what the milter tells the policy daemon of a message when it is known what became of it.
 *
 * One message, one datagram on a unix socket, one JSON object:
 *   {"v":1, "instance":"inbound", "queue_id":"4ABC..", "ref":"9f..", "client":"192.0.2.1", "login":"", "sender":"a@example.org",
 *    "author":"example.org", "recipient":"b@example.com", "recipients":1, "verdict":"accept", "from":"smtp", "bounce":false,
 *    "spam":false, "score":-1.2, "virus":"", "dkim":[{"domain":"example.org","aligned":true}]}
 * "spam" and "score" are absent when nobody judged it. Members that are not known are passed over. Nothing is sent twice, and what
 * nobody takes is lost: reports teach, they don't decide about the message. Thread-safe. */
#pragma once
#include "lib/mail/verdict.h"

#define POLICY_REPORT_BYTES 16384u   /* of a datagram */
#define POLICY_REPORT_TEXT_MAX 320u  /* bytes of each text */
#define POLICY_REPORT_DKIM_MAX 10u   /* domains */

/* Where a message came from, as capture.h has it. */
enum policy_report_from { REPORT_FROM_SMTP, REPORT_FROM_SUBMISSION, REPORT_FROM_LOCAL, REPORT_FROM_INGEST };

struct policy_report_dkim {
    char *domain;     /* d= of a signature that holds */
    gboolean aligned; /* with the author domain */
};
struct policy_report {
    /* Texts are never NULL; "" where there is none. */
    char *instance, *queue_id, *ref; /* of the milter, of Postfix, of the milter's log */
    char *client;      /* address */
    char *login;       /* who signed in */
    char *sender;      /* of the envelope; "" the null sender */
    char *author;      /* domain of From, where there is one only */
    char *recipient;   /* the first one */
    char *virus;       /* what was found */
    guint recipients;
    enum verdict_action verdict;
    enum policy_report_from from;
    gboolean bounce;   /* made by our own Postfix for the null sender (internal_mail_filter_classes = bounce) */
    gboolean judged, spam; /* spam: at or above the level that tags */
    double score;
    GPtrArray *dkim;   /* struct policy_report_dkim * */
};

struct policy_report *policy_report_new(void); /* all empty */
void policy_report_free(struct policy_report *report); /* NULL-safe */
void policy_report_add_dkim(struct policy_report *report, const char *domain, gboolean aligned);
/* JSON of at most POLICY_REPORT_BYTES. Texts that are too long are cut, what is not UTF-8 is replaced. Caller frees. */
char *policy_report_write(const struct policy_report *report, gsize *length_r);
/* NULL and *problem_r (static) for what is no report: other version, wrong types, texts that are too long or have control characters,
 * numbers that can't be. data need not be ended by NUL. */
struct policy_report *policy_report_parse(const void *data, gsize length, const char **problem_r);
