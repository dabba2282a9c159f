/* fuzz_doveadm_reply.c: any bytes as an answer of doveadm's HTTP API. */
#include "policyd/quota/quota_ask.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree struct doveadm_answer *answers = g_new(struct doveadm_answer, 3);

    if (!doveadm_parse((const char *)data, size, 3, answers))
        return 0;
    for (guint i = 0; i < 3; i++)
        for (guint k = 0; k < answers[i].n; k++) {
            const struct doveadm_root *root = &answers[i].roots[k];
            if (root->used < 0 || root->limit < 0 || root->messages < 0 || root->messages_limit < 0 || strlen(root->name) > QUOTA_ROOT_MAX)
                g_error("an answer that can't be");
        }
    return 0;
}
