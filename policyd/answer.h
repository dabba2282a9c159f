/* answer.h: answers of commands on the control socket: one JSON object, and of rows no more than fit into it. */
#pragma once
#include <glib.h>
#include <jansson.h>

#define ANSWER_ROWS_MAX 1000u /* of one answer */

/* Text of mail need not be UTF-8, and JSON must be. */
json_t *answer_text(const char *text);
/* Writes the object and takes it over. TRUE, as a handler that has an answer gives. */
gboolean answer_give(json_t *object, GString *answer);
/* The same for {"rows":rows}. */
gboolean answer_give_rows(json_t *rows, GString *answer);
/* What went wrong, as the answer; FALSE. */
gboolean answer_failed(GString *answer, const GError *error);

struct answer_rows {
    json_t *array;
    gsize bytes;
};
/* Takes row over, whose longest part is text. FALSE: no more of them fit. */
gboolean answer_add_row(struct answer_rows *rows, json_t *row, const char *text);
