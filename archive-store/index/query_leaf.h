/* query_leaf.h: one value of a query (a word, a phrase, an address, a date) to a node. */
#pragma once
#include "archive-store/index/query.h"
#include "archive-store/index/query_lexer.h"
#include "archive-store/index/segmenter.h"

struct query_leaf_context {
    struct query *query;
    struct segmenter *segmenter;
    GTimeZone *zone;
    const char *owner; /* NULL = auditor */
    guint tokens;   /* so far */
    guint ignored;  /* words without letters or digits that were passed over */
    guint negative; /* how many NOTs we are in */
};
/* The node for a word or quotation under a field. *node_r is NULL when it has nothing to look for and may be passed over. FALSE
 * with an error else. */
gboolean query_leaf(struct query_leaf_context *context, enum query_field field, const struct query_token *token,
                    struct query_node **node_r, GError **error);
