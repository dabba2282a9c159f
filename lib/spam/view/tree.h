/* tree.h: a message as SpamAssassin takes it apart: its header section, its MIME tree, the decoded contents of its leaves.
 *
 * The reading is SpamAssassin's (Message.pm, Message/Node.pm), not the RFCs': which lines end a header section, which
 * boundaries count, what a broken part becomes. All strings are bytes with a length and may hold NULs. The tree owns all
 * that it hands out; it is for one thread at a time, different trees for different threads. Linear in the message's length
 * (times the depth of nested multiparts, at most TREE_DEPTH_MAX). RFC 5322, 2045, 2046, 2047 as far as read at all. */
#pragma once
#include <glib.h>
#include "lib/base/arena.h"
#include "lib/spam/view/spam_string.h"

/* SpamAssassin's own limits */
#define TREE_DEPTH_MAX        20        /* multipart and message/rfc822 levels that are opened */
#define TREE_PARTS_MAX        1000      /* parts of one multipart */
#define TREE_KEY_MAX          256       /* bytes of a field name in the message header */
#define TREE_VALUE_MAX        8192      /* bytes of a field body there */
#define TREE_LINE_MAX         2048      /* longer body lines of parts are broken */
/* ours: SpamAssassin has none */
#define TREE_FIELDS_MAX       (1 << 15) /* header fields of a whole tree; what is above is ignored */
#define TREE_ALL_PARTS_MAX    (1 << 16) /* parts of a whole tree; further ones are not opened */

/* One header field. The strings are parts of the tree's memory: to be read only. */
struct spam_field {
    GString name;    /* as written */
    GString raw;     /* as written behind the colon, line ends as LF, folds kept */
    GString decoded; /* unfolded, trimmed, RFC 2047 words decoded: UTF-8 */
    GString value;   /* "decoded\n" */
    GString line;    /* "name: decoded\n" */
    const struct spam_field *next; /* the next one of that name, or NULL */
    struct spam_field *last;       /* of the first one of a name: the last */
    struct spam_field *chain;      /* of the first one of a name: the next of its chain in the part's by_name */
    guint hash;      /* of the name, as part_field_hash */
    guint index;     /* its place in the part's fields */
};

struct spam_part {
    GPtrArray *fields;    /* struct spam_field * (of the tree's memory), in order */
    GPtrArray *dropped;   /* likewise, those that part_drop_fields took out; or NULL */
    struct spam_field **by_name; /* the first field of each name, in chains by hash (of the tree's memory); NULL = no field yet */
    guint n_chains, n_names;     /* n_chains: a power of two */
    char *type;           /* "text/plain": lower case, never NULL, may be "" */
    GString *charset;     /* as declared, or NULL */
    GString *name;        /* file name, or NULL */
    GString *boundary;    /* what it was or would be divided by, or NULL */
    GPtrArray *children;  /* struct spam_part *; NULL = a leaf */
    GString *raw;         /* the part's body before transfer decoding; NULL where children stand for it */
    GString *decoded;     /* cache of part_decode() */
    struct spam_string *text; /* cache of part_text() */
    gboolean as_it_is;        /* part_text() decodes no charset (normalize_charset 0); FALSE until somebody sets it */
};

struct spam_tree {
    struct spam_part *root;
    GString *pristine;    /* the message without an mbox line; header and body as received */
    gsize header_length;  /* of pristine, the empty line included */
    gboolean crlf;        /* lines end in CRLF (decided by the first and the last one) */
    GString *mbox_line;   /* "From .." or NULL */
    gboolean truncated_header, missing_head_body_separator, missing_mime_headers, missing_mime_head_body_separator,
        mime_epilogue_exists, mimepart_limit_exceeded;
    GHashTable *boundaries;  /* GString * -> GINT_TO_POINTER(opened and not closed by its end line: 1) */
    struct arena *arena;     /* fields and their strings */
    GString *scratch;        /* of part_add_field */
    guint n_fields, n_parts; /* against the caps */
};

/* Reads a message of length bytes (CRLF or LF). Never NULL. */
struct spam_tree *tree_new(const char *message, gsize length);
void tree_free(struct spam_tree **tree); /* NULL-safe */

/* The leaves in order, depth first (container: g_ptr_array_unref; parts belong to the tree). Leaves without a type don't
 * count unless untyped is set. */
GPtrArray *tree_leaves(const struct spam_tree *tree, gboolean untyped);
/* All parts, depth first, the root first. */
GPtrArray *tree_parts(const struct spam_tree *tree);

/* Whether the ends of some multipart are not as its start promised (missing, or without a start). */
gboolean tree_has_open_boundary(const struct spam_tree *tree);

/* The first field called name (any case; length -1 = NUL-terminated), or NULL. Its next leads to the others. */
const struct spam_field *part_field(const struct spam_part *part, const char *name, gssize length);
/* The same by a hash that was worked out before, once for many parts. */
guint part_field_hash(const char *name, gsize length);
const struct spam_field *part_field_by_hash(const struct spam_part *part, const char *name, gsize length, guint hash);
/* Takes out the fields whose names begin with prefix (any case): they are in dropped then. Once for a part. */
void part_drop_fields(struct spam_part *part, const char *prefix);
/* The last one's decoded value, or NULL. */
const GString *part_header(const struct spam_part *part, const char *name);
/* The type that rules go by: text/html for names like x.html, else type. */
const char *part_effective_type(const struct spam_part *part);
/* The body after transfer decoding (kept in the part), or NULL where there is none. */
const GString *part_decode(struct spam_part *part);
/* The decoded body after charset normalisation (kept in the part), or NULL where there is no body. Of a part that is taken as it is:
 * characters where the charset is said to be UTF-8 or ASCII, and the body is UTF-8; else bytes. */
const struct spam_string *part_text(struct spam_part *part);

/* SHA-1 of the body as received with LF line ends, 40 hexadecimal digits (g_free). */
char *tree_body_digest(const struct spam_tree *tree);
/* Message-Id without its brackets, or NULL where it has none. */
GString *tree_message_id(const struct spam_tree *tree);
/* "40 hex digits@sa_generated", made of To, Date and the body (g_free). */
char *tree_generated_id(const struct spam_tree *tree);

