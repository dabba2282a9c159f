/* test_sign_source.c: which keys sign for an address: from a directory, from OpenDKIM's tables, from SQL (both engines). */
#include <glib/gstdio.h>
#include <unistd.h>
#include "lib/mail/auth/sign_source.h"
#include "tests/support/sqltest.h"


static char *dir;
static char *key_pem; /* one Ed25519 key for all */

static void
write_file(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL), *folder = g_path_get_dirname(path);

    assert_int_equal(g_mkdir_with_parents(folder, 0750), 0);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    assert_int_equal(g_chmod(path, 0600), 0);
}

static int
make_dir(void **state)
{
    g_autofree char *path = NULL;
    struct dkim_key *key = dkim_key_generate(DKIM_ED25519, 0, NULL);

    (void)state;
    dir = g_dir_make_tmp("sign-XXXXXX", NULL);
    path = g_build_filename(dir, "key", NULL);
    assert_true(dkim_key_save(key, path, NULL));
    assert_true(g_file_get_contents(path, &key_pem, NULL, NULL));
    dkim_key_unref(key);
    return 0;
}

static int
remove_dir(void **state)
{
    const char *argv[] = {"rm", "-rf", dir, NULL};

    (void)state;
    g_spawn_sync(NULL, (char **)(guintptr)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
    g_free(dir);
    g_free(key_pem);
    return 0;
}

/* "d/s d/s .." of the keys for the address, or "error: ..". */
static char *
found(struct sign_source *source, const char *address)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)sign_key_free);
    g_autoptr(GError) error = NULL;
    GString *out = g_string_new(NULL);

    if (!sign_source_find(source, address, keys, &error))
        g_string_append_printf(out, "error: %s", error->message);
    for (guint i = 0; i < keys->len; i++) {
        const struct sign_key *key = g_ptr_array_index(keys, i);
        g_string_append_printf(out, "%s%s/%s", i > 0 ? " " : "", key->domain, key->selector);
        assert_int_equal(dkim_key_type(key->key), DKIM_ED25519);
    }
    return g_string_free(out, FALSE);
}

#define assert_found(source, address, expected)                                                                \
    do {                                                                                                       \
        g_autofree char *got = found(source, address);                                                         \
        assert_string_equal(got, expected);                                                                    \
    } while (0)

/* The error of a source that does not open; frees. */
static void
assert_refused(const struct config_sign *config, const char *words)
{
    g_autoptr(GError) error = NULL;

    assert_null(sign_source_open(config, NULL, &error));
    if (strstr(error->message, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, error->message);
}

static void
directory(void **state)
{
    g_autofree char *keys = g_build_filename(dir, "keys", NULL), *absent = g_build_filename(dir, "absent", NULL);
    g_autofree char *key_file = g_build_filename(dir, "key", NULL);
    struct config_sign config = {.source = CONFIG_SIGN_DIRECTORY, .directory = keys};
    struct sign_source *source;

    (void)state;
    write_file("keys/Example.test/b.pem", key_pem);
    write_file("keys/Example.test/c.pem.next", key_pem);
    write_file("keys/Example.test/d.pem.old", key_pem);
    write_file("keys/Example.test/notes.txt", "x");
    write_file("keys/sub.deep.test/s.pem", key_pem);
    write_file("keys/.git/x.pem", "no key");
    source = sign_source_open(&config, NULL, NULL);
    assert_non_null(source);
    assert_int_equal(sign_source_count(source), 2);
    assert_found(source, "a@example.test", "Example.test/b");
    assert_found(source, "a@mail.example.test", "Example.test/b");
    assert_found(source, "a@xexample.test", "");
    assert_found(source, "a@deep.test", "");
    assert_found(source, "a@x.sub.deep.test", "sub.deep.test/s");
    assert_found(source, "test", "");
    assert_found(source, "", "");
    sign_source_free(&source);
    sign_source_free(&source);
    write_file("keys/bad.test/s.pem", "no key");
    assert_refused(&config, "bad.test/s.pem");
    config.directory = absent;
    source = sign_source_open(&config, NULL, NULL);
    assert_int_equal(sign_source_count(source), 0);
    assert_found(source, "a@example.test", "");
    sign_source_free(&source);
    config.directory = key_file;
    assert_refused(&config, "Not a directory");
}

static struct sign_source *
open_tables(const char *key_table, const char *signing_table, const char *prefix, struct config_sign *config_r)
{
    g_autofree char *signing = g_build_filename(dir, "signing", NULL);
    struct sign_source *source;

    write_file("table", key_table);
    write_file("signing", signing_table);
    *config_r = (struct config_sign){.source = CONFIG_SIGN_OPENDKIM, .key_table = g_build_filename(dir, "table", NULL),
                                     .signing_table = g_strconcat(prefix, signing, NULL)};
    source = sign_source_open(config_r, NULL, NULL);
    if (source != NULL) {
        g_free(config_r->key_table);
        g_free(config_r->signing_table);
    }
    return source;
}

static void
opendkim_plain(void **state)
{
    struct config_sign config;
    g_autofree char *table = g_strdup_printf("# keys\none\ta.test:s1:%s/key\ntwo \"%%:s2:%s/by-%%\" # any\n\n"
                                             "three b.test:s3:%s/key\n", dir, dir, dir);
    struct sign_source *source;

    (void)state;
    write_file("by-own.test", key_pem);
    source = open_tables(table, "# who\nbob@a.test one\nA.test three\n.b.test one\neve@.b.test three\nc.test one\nc.test three\n"
                                "own.test two\nother.test two\n", "", &config);
    assert_non_null(source);
    assert_int_equal(sign_source_count(source), 3);
    assert_found(source, "bob@a.test", "a.test/s1");
    assert_found(source, "Carol@A.TEST", "b.test/s3");
    assert_found(source, "x@mail.b.test", "a.test/s1");
    assert_found(source, "eve@mail.b.test", "b.test/s3");
    assert_found(source, "x@b.test", "");
    assert_found(source, "x@c.test", "a.test/s1 b.test/s3");
    assert_found(source, "x@own.test", "own.test/s2");
    assert_found(source, "x@own.test", "own.test/s2"); /* from the cache */
    assert_found(source, "x@other.test", ""); /* no such file: no key of that domain */
    assert_found(source, "x@../key", "");
    assert_found(source, "x@elsewhere.test", "");
    sign_source_free(&source);
    source = open_tables(table, "* one\n", "file:", &config);
    assert_found(source, "x@elsewhere.test", "a.test/s1");
    sign_source_free(&source);
}

static void
opendkim_wildcards(void **state)
{
    struct config_sign config;
    g_autofree char *table = g_strdup_printf("one a.test:s1:%s/key\ntwo b.test:s2:%s/key\n", dir, dir);
    struct sign_source *source = open_tables(table, "*@a.test one\n*@*.a.test two\nnews*@b.test two\n*@b.test one\n*@b.test two\n",
                                             "refile:", &config);

    (void)state;
    assert_non_null(source);
    assert_found(source, "bob@a.test", "a.test/s1");
    assert_found(source, "bob@x.y.a.test", "b.test/s2");
    assert_found(source, "newsletter@B.test", "b.test/s2");
    assert_found(source, "bob@b.test", "a.test/s1 b.test/s2");
    assert_found(source, "bob@ba.test", "");
    sign_source_free(&source);
}

static void
refuse_tables(const char *key_table, const char *signing_table, const char *words)
{
    struct config_sign config;

    assert_null(open_tables(key_table, signing_table, "", &config));
    assert_refused(&config, words);
    g_free(config.key_table);
    g_free(config.signing_table);
}

static void
opendkim_refused(void **state)
{
    g_autofree char *good = g_strdup_printf("one a.test:s1:%s/key\n", dir);
    g_autofree char *gone = g_strdup_printf("#\none a.test:s1:%s/gone\n", dir);

    (void)state;
    refuse_tables(good, "\n\na.test none\n", "signing:3: the KeyTable has no key \"none\"");
    refuse_tables(good, "a.test\n", "signing:1: ");
    refuse_tables("one a.test\n", "", "table:1: ");
    refuse_tables("one a.test:s1:keys/x\n", "", "table:1: ");
    refuse_tables("one a.test:s1:./x\n", "", "relative");
    refuse_tables(gone, "", "table:2: ");
}

/* A key may stand in the table itself, as base64. */
static void
opendkim_inline(void **state)
{
    struct config_sign config;
    g_auto(GStrv) lines = g_strsplit(key_pem, "\n", -1);
    g_autofree char *table = g_strdup_printf("one a.test:s1:%s\n", lines[1]);
    struct sign_source *source = open_tables(table, "a.test one\n", "", &config);

    (void)state;
    assert_non_null(source);
    assert_found(source, "x@a.test", "a.test/s1");
    sign_source_free(&source);
}

SQLTEST_STATEMENT(insert_key, "INSERT INTO postern_dkim (domain, selector, private_key, active) VALUES (?, ?, ?, ?)");
SQLTEST_STATEMENT(delete_keys, "DELETE FROM postern_dkim WHERE domain = ?");

static void
insert(struct sql *sql, const char *domain, const char *selector, const char *pem, gint64 active)
{
    const struct sql_value values[] = {SQL_T(domain), SQL_T(selector), SQL_T(pem), SQL_I(active)};

    sqltest_exec(sql, &insert_key, values, 4);
}

static void
sql_keys(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    struct sql_options options = test->options;
    const struct config_sign config = {.source = CONFIG_SIGN_SQL};
    const struct sql_value a[] = {SQL_T("a.test")};
    struct sql_pool *pool;
    struct sign_source *source;

    assert_refused(&config, "accounts.driver");
    g_autofree char *table = g_strdup_printf("%s/tests/sql/postern_dkim.sql", g_getenv("POSTERN_SOURCE"));
    sqltest_script_file(sql, table);
    insert(sql, "a.test", "s1", key_pem, 1);
    insert(sql, "a.test", "s2", key_pem, 0);
    insert(sql, "a.test", "s3", key_pem, 1);
    insert(sql, "broken.test", "s1", "no key", 1);
    options.read_only = TRUE;
    pool = sql_pool_new(&options, 2);
    source = sign_source_open(&config, pool, NULL);
    assert_found(source, "x@a.test", "a.test/s1 a.test/s3");
    assert_found(source, "x@mail.a.test", "a.test/s1 a.test/s3");
    assert_found(source, "x@b.test", "");
    g_autofree char *broken = found(source, "x@broken.test");
    assert_non_null(strstr(broken, "error: postern_dkim, domain broken.test, selector s1: "));
    sqltest_exec(sql, &delete_keys, a, 1);
    assert_found(source, "x@a.test", "a.test/s1 a.test/s3"); /* kept for a while */
    sign_source_free(&source);
    source = sign_source_open(&config, pool, NULL);
    assert_found(source, "x@a.test", "");
    sign_source_free(&source);
    sql_pool_free(&pool);
    sql_close(&sql);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directory),          cmocka_unit_test(opendkim_plain),  cmocka_unit_test(opendkim_wildcards),
        cmocka_unit_test(opendkim_refused), cmocka_unit_test(opendkim_inline), SQLTEST(sql_keys),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
