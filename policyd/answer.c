/* answer.c: see answer.h. */
#include "policyd/answer.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 400000u /* of one answer: a control answer has 1 MiB, and JSON may double what it quotes */
#define ROW_BYTES 120u     /* of a row, besides its text */

json_t *
answer_text(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    return json_string(valid);
}

gboolean
answer_give(json_t *object, GString *answer)
{
    char *text = json_dumps(object, JSON_COMPACT);

    g_string_append(answer, text);
    free(text);
    json_decref(object);
    return TRUE;
}

gboolean
answer_give_rows(json_t *rows, GString *answer)
{
    return answer_give(json_pack("{s:o}", "rows", rows), answer);
}

gboolean
answer_failed(GString *answer, const GError *error)
{
    g_string_append(answer, error->message);
    return FALSE;
}

gboolean
answer_add_row(struct answer_rows *rows, json_t *row, const char *text)
{
    json_array_append_new(rows->array, row);
    rows->bytes += strlen(text) + ROW_BYTES;
    return rows->bytes < TEXT_BYTES;
}
