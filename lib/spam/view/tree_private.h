/* tree_private.h: what the tree's files share. */
#pragma once
#include "lib/spam/view/tree.h"

/* A body that waits to be taken apart. */
struct tree_job {
    struct spam_part *part;
    GString *boundary; /* or NULL */
    GString *body;     /* lines */
    int depth;         /* levels that may still be opened */
};

/* A job takes boundary and body over. */
void tree_push(GQueue *queue, struct spam_part *part, GString *boundary, GString *body, int depth);

struct spam_part *part_new(struct spam_tree *tree);
void part_free(struct spam_part *part);
/* Keeps a field; name and value are as in the message, line ends LF. Ignored above TREE_FIELDS_MAX. */
void part_add_field(struct spam_tree *tree, struct spam_part *part, const char *name, gsize name_length, const char *value,
                    gsize value_length);
/* An empty list of parts that frees them: no leaf any more. */
GPtrArray *part_children_new(void);
void part_add_child(struct spam_part *part, struct spam_part *child);

/* Divides job's body at its boundary into parts that are queued. */
void tree_parse_multipart(struct spam_tree *tree, GQueue *queue, struct tree_job *job);

/* The end of the line that starts at s (behind its LF, or end). */
const char *tree_line_end(const char *s, const char *end);
/* Whether a line starts like a field: printable characters, blanks if lenient, a colon. */
gboolean tree_is_field(const char *s, gsize length, gboolean lenient);
/* Appends a line, with LFs put into it where it is longer than TREE_LINE_MAX. */
void tree_append_broken(GString *out, const char *line, gsize length);
