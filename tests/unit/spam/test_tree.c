/* test_tree.c: header sections and MIME trees, sound and broken. */
#include "tests/unit/spam/view_test.h"
#include "lib/spam/view/tree.h"

static struct spam_tree *
read_text(const char *text)
{
    return tree_new(text, strlen(text));
}

static void
append_shape(GString *out, const struct spam_part *part)
{
    g_string_append(out, part->type);
    if (part->children == NULL)
        return;
    g_string_append_c(out, '(');
    for (guint i = 0; i < part->children->len; i++) {
        g_string_append(out, i > 0 ? " " : "");
        append_shape(out, part->children->pdata[i]);
    }
    g_string_append_c(out, ')');
}

static void
assert_shape(const struct spam_tree *tree, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    append_shape(out, tree->root);
    assert_string_equal(out->str, expected);
}

static void
header_sections(void **state)
{
    (void)state;
    struct spam_tree *tree = read_text("From x y\nSubject:  a\n\tb \nKEY : v\nsubject: =?utf-8?q?=C3=A9?= =?utf-8?q?_x?=\n\nbody\n");
    assert_bytes(part_header(tree->root, "SUBJECT"), "é x");
    assert_bytes(&part_field(tree->root, "subject", -1)->decoded, "a b");
    assert_bytes(&part_field(tree->root, "subject", -1)->raw, "  a\n\tb \n");
    assert_bytes(part_header(tree->root, "key"), "v");
    assert_bytes(tree->mbox_line, "From x y\n");
    assert_bytes(part_decode(tree->root), "body\n");
    assert_false(tree->missing_head_body_separator);
    tree_free(&tree);
    tree_free(&tree); /* NULL-safe */
}

static void
ends_of_header_sections(void **state)
{
    (void)state;
    struct spam_tree *cut = read_text("A: 1\nB: 2"), *dashes = read_text("A: 1\n--x\n"), *empty = read_text("");
    struct spam_tree *bad = read_text("one\ntwo\nA: 1\nthree\nfour\nfive\n");
    assert_true(cut->missing_head_body_separator);
    assert_bytes(part_header(cut->root, "b"), "2");
    assert_true(dashes->missing_head_body_separator);
    assert_bytes(part_decode(dashes->root), "--x\n");
    assert_false(empty->missing_head_body_separator);
    assert_bytes(part_decode(bad->root), "four\nfive\n"); /* the fourth line that is no field */
    tree_free(&cut);
    tree_free(&dashes);
    tree_free(&empty);
    tree_free(&bad);
}

static void
limits_of_fields(void **state)
{
    (void)state;
    g_autofree char *key = g_strnfill(TREE_KEY_MAX + 5, 'k'), *value = g_strnfill(TREE_VALUE_MAX + 5, 'v');
    g_autofree char *text = g_strconcat(key, ": x\nV:", value, "\n\n", NULL);
    struct spam_tree *tree = read_text(text);
    assert_true(tree->truncated_header);
    assert_int_equal(((struct spam_field *)tree->root->fields->pdata[0])->name.len, TREE_KEY_MAX);
    assert_int_equal(part_header(tree->root, "v")->len, TREE_VALUE_MAX);
    tree_free(&tree);
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i < TREE_FIELDS_MAX + 10; i++)
        g_string_append(many, "a:\n");
    tree = read_text(many->str);
    assert_int_equal(tree->root->fields->len, TREE_FIELDS_MAX);
    tree_free(&tree);
}

static void
crlf(void **state)
{
    (void)state;
    struct spam_tree *tree = read_text("A: 1\r\n 2\nB: 3\r\n\r\nx\r\ny\n"); /* one CR is missing: it is put back */
    assert_true(tree->crlf);
    assert_bytes(part_header(tree->root, "a"), "1 2");
    assert_bytes(part_decode(tree->root), "x\ny\n");
    assert_bytes(tree->pristine, "A: 1\r\n 2\r\nB: 3\r\n\r\nx\r\ny\n");
    tree_free(&tree);
}

static void
multiparts(void **state)
{
    (void)state;
    struct spam_tree *tree = read_text("Content-Type: multipart/mixed; boundary=\"b\"\n\npre\n--b\nContent-Type: text/html\n\n"
                                       "<p>\n--b \n\none\n\n--b--\nepilogue\n");
    g_autoptr(GPtrArray) leaves = tree_leaves(tree, FALSE);
    assert_shape(tree, "multipart/mixed(text/html text/plain)");
    assert_bytes(part_decode(leaves->pdata[0]), "<p>");
    assert_bytes(part_decode(leaves->pdata[1]), "one\n");
    assert_true(tree->mime_epilogue_exists);
    assert_true(tree->missing_mime_headers); /* the second part has none */
    assert_false(tree_has_open_boundary(tree));
    tree_free(&tree);
}

static void
broken_multiparts(void **state)
{
    (void)state;
    struct spam_tree *open = read_text("Content-Type: multipart/mixed; boundary=b\n\n--b\nA: 1\n\nx\n");
    struct spam_tree *none = read_text("Content-Type: multipart/mixed\n\n--b\nx\n");
    struct spam_tree *glued = read_text("Content-Type: multipart/mixed; boundary=b\nA: 1\n\n--b\nContent-Type: text/html\nx\n--b--\n");
    g_autoptr(GPtrArray) leaves = tree_leaves(open, FALSE), glued_leaves = tree_leaves(glued, FALSE);
    assert_true(tree_has_open_boundary(open));
    assert_bytes(part_decode(leaves->pdata[0]), "x\n");
    assert_shape(none, "text/plain");
    assert_true(glued->missing_mime_head_body_separator);
    assert_bytes(part_decode(glued_leaves->pdata[0]), "x");
    tree_free(&open);
    tree_free(&none);
    tree_free(&glued);
}

static void
messages_inside(void **state)
{
    (void)state;
    struct spam_tree *digest = read_text("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\ntext\n--b--\n");
    struct spam_tree *coded = read_text("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAoKYm9keQo=\n");
    struct spam_tree *report = read_text("Content-Type: message/delivery-status\n\nA: b\n");
    assert_shape(digest, "multipart/digest(message/rfc822(text/plain))");
    assert_shape(coded, "message/rfc822(text/plain)");
    assert_shape(report, "message/delivery-status");
    tree_free(&digest);
    tree_free(&coded);
    tree_free(&report);
}

static void
depth_and_number(void **state)
{
    (void)state;
    g_autoptr(GString) deep = g_string_new(NULL), wide = g_string_new("Content-Type: multipart/mixed; boundary=b\n\n");
    for (int i = 0; i < 1000; i++)
        g_string_append_printf(deep, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
    for (int i = 0; i < TREE_PARTS_MAX + 5; i++)
        g_string_append(wide, "--b\n\nx\n");
    struct spam_tree *tree = read_text(deep->str);
    g_autoptr(GPtrArray) parts = tree_parts(tree);
    assert_int_equal(parts->len, TREE_DEPTH_MAX + 1);
    tree_free(&tree);
    tree = read_text(wide->str);
    assert_true(tree->mimepart_limit_exceeded);
    assert_int_equal(tree->root->children->len, TREE_PARTS_MAX);
    tree_free(&tree);
}

static void
blank_and_long_lines(void **state)
{
    (void)state;
    g_autofree char *blanks = g_strnfill(50, '\n'), *line = g_strnfill(TREE_LINE_MAX + 3, 'x');
    g_autofree char *text = g_strconcat("A: 1\n\na", blanks, "b\n", NULL);
    g_autofree char *nested = g_strconcat("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n", line, "\n--b--\n", NULL);
    struct spam_tree *tree = read_text(text);
    assert_int_equal(part_decode(tree->root)->len, 1 + 1 + 20 + 2); /* "a" LF, twenty blank lines, "b" LF */
    tree_free(&tree);
    tree = read_text(nested);
    assert_int_equal(part_decode(tree->root->children->pdata[0])->len, TREE_LINE_MAX + 3 + 1);
    assert_int_equal(part_decode(tree->root->children->pdata[0])->str[TREE_LINE_MAX], '\n');
    tree_free(&tree);
}

/* Runs of blank lines, line by line: at most twenty lines and, where it starts the body, one more; the first ones stay, and the last ones. */
static GString *
squeezed_plainly(char *const *lines)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0, n; lines[i] != NULL; i += n) {
        guint extra = i == 0 ? 1 : 0;
        for (n = 0; lines[i + n] != NULL && *g_strstrip(strcpy(g_newa(char, 8), lines[i + n])) == '\0';)
            n++;
        for (guint k = 0; k < n; k++)
            if (k <= extra || n - k < 20)
                g_string_append_printf(out, "%s\n", lines[i + k]);
        if (n == 0)
            g_string_append_printf(out, "%s\n", lines[i + n++]);
    }
    return out;
}

static void
runs_of_blank_lines(void **state)
{
    (void)state;
    static const char *const ends[] = {"\n", "\r\n"};
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    for (guint round = 0; round < 200; round++) {
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        g_autoptr(GString) text = g_string_new(NULL);
        const char *end = ends[round % 2];
        g_string_append_printf(text, "A: 1%s%s", end, end);
        for (guint run = 0; run < 4; run++) {
            for (gint n = g_rand_int_range(rand, 0, 30); n > 0; n--)
                g_strv_builder_add(builder, g_rand_boolean(rand) ? "" : " \t");
            g_strv_builder_add(builder, run % 2 == 0 ? "x\ry" : " z");
        }
        g_auto(GStrv) lines = g_strv_builder_end(builder);
        for (char **line = lines; *line != NULL; line++)
            g_string_append_printf(text, "%s%s", *line, end);
        struct spam_tree *tree = read_text(text->str);
        g_autoptr(GString) expected = squeezed_plainly(lines);
        assert_string_equal(part_decode(tree->root)->str, expected->str);
        tree_free(&tree);
    }
}

static void
fields_by_name(void **state)
{
    (void)state;
    struct spam_tree *tree = read_text("A: 1\nX-Spam-B: 2\na : 3\nx-spam-b: 4\nC: 5\nA: 6\nX-Spamless: 7\n\n");
    const struct spam_field *field = part_field(tree->root, "ax", 1);
    assert_bytes(&field->decoded, "1");
    assert_bytes(&field->next->line, "a: 3\n");
    assert_bytes(&field->next->next->decoded, "6");
    assert_null(field->next->next->next);
    assert_ptr_equal(field->last, field->next->next);
    part_drop_fields(tree->root, "X-Spam-");
    assert_null(part_field(tree->root, "X-SPAM-B", -1));
    assert_int_equal(tree->root->dropped->len, 2);
    assert_int_equal(tree->root->fields->len, 5);
    for (guint i = 0; i < tree->root->fields->len; i++)
        assert_int_equal(((struct spam_field *)tree->root->fields->pdata[i])->index, i);
    assert_bytes(part_header(tree->root, "A"), "6");
    assert_bytes(part_header(tree->root, "x-spamless"), "7");
    assert_null(part_header(tree->root, "D"));
    tree_free(&tree);
}

/* More names than there are chains at first, each twice: all are found, and nothing else. */
static void
many_names(void **state)
{
    enum { NAMES = 1500 };
    g_autoptr(GString) text = g_string_new(NULL);
    struct spam_tree *tree;

    (void)state;
    for (guint i = 0; i < 2 * NAMES; i++)
        g_string_append_printf(text, "%s-%u: %u\n", i < NAMES ? "Name" : "NAME", i % NAMES, i);
    g_string_append(text, "X-Spam-1: x\n\n");
    tree = read_text(text->str);
    part_drop_fields(tree->root, "X-Spam-");
    for (guint i = 0; i < NAMES; i++) {
        g_autofree char *name = g_strdup_printf("name-%u", i), *first = g_strdup_printf("%u", i), *last = g_strdup_printf("%u", i + NAMES);
        const struct spam_field *field = part_field(tree->root, name, -1);
        assert_non_null(field);
        assert_string_equal(field->decoded.str, first);
        assert_string_equal(field->last->decoded.str, last);
        assert_null(field->last->next);
    }
    assert_null(part_field(tree->root, "name-1500", -1));
    assert_null(part_field(tree->root, "x-spam-1", -1));
    tree_free(&tree);
}

/* Names that have one hash with the multipliers of well-known functions (a * 33 + '~' is b * 33 + ']') don't here. */
static void
crafted_names(void **state)
{
    g_autoptr(GHashTable) hashes = g_hash_table_new(NULL, NULL);

    (void)state;
    for (guint i = 0; i < 4096; i++) {
        char name[24];
        for (guint bit = 0; bit < 12; bit++)
            memcpy(name + 2 * bit, (i >> bit & 1) != 0 ? "a~" : "b]", 2);
        g_hash_table_add(hashes, GUINT_TO_POINTER(part_field_hash(name, sizeof name)));
    }
    assert_true(g_hash_table_size(hashes) > 4000);
    assert_int_equal(part_field_hash("To", 2), part_field_hash("TO", 2));
}

static void
content_types(void **state)
{
    (void)state;
    struct spam_tree *tree = read_text("Content-Type: TEXT/Foo ; charset = 'x-y' ; name*1=b.HTM;name*0=\"a\"\n\nx");
    assert_string_equal(tree->root->type, "text/plain"); /* unknown text is plain text */
    assert_bytes(tree->root->charset, "x-y' ");
    assert_bytes(tree->root->name, "ab.HTM");
    assert_string_equal(part_effective_type(tree->root), "text/html");
    tree_free(&tree);
    tree = read_text("Content-Type: text/x-vcard\nContent-Disposition: attachment; filename=\"y.txt\"\n\nx");
    assert_string_equal(tree->root->type, "text/x-vcard");
    assert_bytes(tree->root->name, "y.txt");
    tree_free(&tree);
}

static void
identities(void **state)
{
    (void)state;
    struct spam_tree *tree = read_text("To: a\r\nMessage-ID: <x@y>\r\n\r\nbody\r\n"), *bare = read_text("Message-ID: x@y\n\n");
    g_autofree char *digest = tree_body_digest(tree), *generated = tree_generated_id(tree);
    g_autoptr(GString) id = tree_message_id(tree);
    assert_bytes(id, "x@y");
    assert_null(tree_message_id(bare));
    assert_string_equal(digest, "7f561fb7b86ada3acd30461a32354e5ceea9fcec");
    assert_true(g_str_has_suffix(generated, "@sa_generated"));
    tree_free(&tree);
    tree_free(&bare);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_sections),  cmocka_unit_test(ends_of_header_sections),
        cmocka_unit_test(limits_of_fields), cmocka_unit_test(crlf),
        cmocka_unit_test(multiparts),       cmocka_unit_test(broken_multiparts),
        cmocka_unit_test(messages_inside),  cmocka_unit_test(depth_and_number),
        cmocka_unit_test(blank_and_long_lines), cmocka_unit_test(content_types),
        cmocka_unit_test(identities),       cmocka_unit_test(runs_of_blank_lines),
        cmocka_unit_test(fields_by_name),  cmocka_unit_test(many_names),
        cmocka_unit_test(crafted_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
