/* fuzz_spam_parts.c: any bytes as a message's parts, through the eval functions on texts, MIME parts and images. Each part is a
 * line of fields ("TYPE|CHARSET|ENCODING|DISPOSITION") and its bytes, up to a line "--". */
#include <math.h>
#include <string.h>
#include "lib/spam/eval/body_eval.h"
#include "lib/spam/eval/image_info.h"
#include "lib/spam/eval/mime_eval.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

#define PARTS_MAX 50

/* The text up to the separator, which is left out; advances. */
static char *
cut(const char **at, const char *end, const char *separator)
{
    const char *found = memmem(*at, (gsize)(end - *at), separator, strlen(separator));
    char *text = g_strndup(*at, (gsize)((found != NULL ? found : end) - *at));

    *at = found != NULL ? found + strlen(separator) : end;
    return text;
}

/* A part; its bytes are a copy of their own, which joins kept. */
static struct eval_part
next_part(const char **at, const char *end, GPtrArray *kept)
{
    char *line = cut(at, end, "\n");
    g_auto(GStrv) fields = g_strsplit(line, "|", 4);
    const guint count = g_strv_length(fields);
    const char *found = memmem(*at, (gsize)(end - *at), "\n--\n", 4), *stop = found != NULL ? found + 1 : end;
    gsize length = (gsize)(stop - *at);
    char *bytes = g_memdup2(*at, length);
    struct eval_part part = {.type = count > 0 ? fields[0] : "",
                             .is_leaf = TRUE,
                             .encoding = count > 2 ? fields[2] : "",
                             .disposition = count > 3 ? fields[3] : "",
                             .charset = count > 1 ? fields[1] : NULL,
                             .name = "n"};

    g_ptr_array_add(kept, line);
    g_ptr_array_add(kept, bytes);
    for (guint i = 0; i < count; i++) /* the vector goes, its strings stay */
        g_ptr_array_add(kept, fields[i]);
    memset(fields, 0, sizeof(char *) * count);
    part.declared_type = part.type;
    part.raw = part.decoded = (struct perl_text){length > 0 ? bytes : "", length, FALSE};
    part.rendered = (struct perl_text){part.raw.at, length, length % 2 == 1};
    part.rendered_type = g_str_has_prefix(part.type, "text/html") ? "text/html" : "text/plain";
    *at = found != NULL ? found + 4 : end;
    return part;
}

static void
check(struct eval_parts parts)
{
    static const char *const locales[] = {"en", NULL};
    const struct perl_text *text = &parts.part[0].raw;
    struct mime_facts facts;
    struct image_info images;
    struct body_signature signature;
    struct body_difference difference = body_eval_difference(parts);
    double blank = body_eval_blank_lines(text, 1, 1), capitals;

    mime_facts_init(&facts, parts, locales, FALSE);
    image_info_init(&images, parts);
    capitals = mime_eval_uppercase(&facts, parts.part[0].disposition, text, 1);
    if (!(difference.percent >= 0 && difference.percent <= 100) || !(blank >= -1 && blank <= 100) ||
        !(capitals >= 0 && capitals <= 100) || body_eval_vertical_words(text, 1) > 20000 * 100 ||
        body_eval_stock_info(parts) > 100000 || !isfinite(facts.multipart_ratio))
        g_error("out of range");
    if (body_eval_signature(parts, &signature) && signature.signature > 65536)
        g_error("signature");
    if (images.sizes->len > parts.count || images.names->len > images.sizes->len || mime_eval_base64_length(parts) > 65536)
        g_error("images");
    mime_eval_faraway_charset(parts.part[0].disposition, text, 1, locales);
    mime_eval_alternative_non_text(parts);
    image_info_clear(&images);
    mime_facts_clear(&facts);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(struct eval_part));
    const char *at = (const char *)data, *end = at + size;

    while (at < end && parts->len < PARTS_MAX) {
        struct eval_part part = next_part(&at, end, kept);
        g_array_append_val(parts, part);
    }
    if (parts->len == 0)
        return 0;
    struct eval_part *first = &g_array_index(parts, struct eval_part, 0);
    if (g_str_has_prefix(first->type, "multipart/")) {
        first->below = parts->len - 1;
        first->is_leaf = parts->len == 1;
    }
    check((struct eval_parts){(const struct eval_part *)parts->data, parts->len});
    return 0;
}
