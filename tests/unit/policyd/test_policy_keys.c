/* test_policy_keys.c: entries as they stand in SQL, and which entries hold what. */
#include "policyd/accounts/policy_keys.h"
#include <gio/gio.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static char *
join(GPtrArray *keys)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < keys->len; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", (char *)g_ptr_array_index(keys, i));
    g_ptr_array_unref(keys);
    return g_string_free(text, FALSE);
}

static void
addresses(void **state G_GNUC_UNUSED)
{
    static const char *const table[][2] = {
        {"bob@mail.a.test", "bob@mail.a.test @mail.a.test .mail.a.test .a.test .test"},
        {"bob+x@a.test", "bob+x@a.test bob@a.test @a.test .a.test .test"},
        {"+x@a.test", "+x@a.test @a.test .a.test .test"},
        {"", "<>"},
        {"fred", "fred"},
        {"dom\\fred", "dom\\fred"},
        {"a@[192.0.2.1]", "a@[192.0.2.1] @[192.0.2.1]"},
        {"a@b", "a@b @b .b"},
        {"@a.test", "@a.test .a.test .test"},         /* no address: only its domain can be meant */
        {".a.test", ""}, {"192.0.2.0/24", ""}, {"*", ""}, {"<>", ""}, /* nor may an odd sender be taken for an entry */
        {"a@", ""}, {"a@.", "a@. @."}, {"a@b..c", "a@b..c @b..c .b..c .c"}, {"a@.b", "a@.b @.b .b"}, {"a@b.", "a@b. @b. .b."},
        {"\"a@b\"@c.test", "\"a@b\"@c.test @c.test .c.test .test"},
        {"x@1.2.3.4.5.6.7.8.9.10.11.12.13.test",
         "x@1.2.3.4.5.6.7.8.9.10.11.12.13.test @1.2.3.4.5.6.7.8.9.10.11.12.13.test .3.4.5.6.7.8.9.10.11.12.13.test "
         ".4.5.6.7.8.9.10.11.12.13.test .5.6.7.8.9.10.11.12.13.test .6.7.8.9.10.11.12.13.test .7.8.9.10.11.12.13.test "
         ".8.9.10.11.12.13.test .9.10.11.12.13.test .10.11.12.13.test .11.12.13.test .12.13.test .13.test .test"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *got = join(policy_keys_address(table[i][0], "+"));
        assert_string_equal(got, table[i][1]);
    }
    g_autofree char *plain = join(policy_keys_address("bob+x@a", ""));
    assert_string_equal(plain, "bob+x@a @a .a");
    /* Too long to be in a list, but its domain isn't. */
    g_autofree char *local = g_strnfill(400, 'x');
    g_autofree char *long_address = g_strconcat(local, "@a.test", NULL);
    g_autofree char *got = join(policy_keys_address(long_address, "+"));
    assert_string_equal(got, "@a.test .a.test .test");
}

static void
subjects(void **state G_GNUC_UNUSED)
{
    static const char *const table[][2] = {
        {"bob+x@mail.a.test", "bob+x@mail.a.test bob@mail.a.test @mail.a.test *"}, {"bob@a.test", "bob@a.test @a.test *"},
        {"fred", "fred *"}, {"fred.x", "fred.x *"}, {".a.test", "*"}, {"@a.test", "@a.test *"}, {"", "*"}, {"*", "*"}, {"a@", "*"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *got = join(policy_keys_subject(table[i][0], "+"));
        assert_string_equal(got, table[i][1]);
    }
}

static gboolean
has(GPtrArray *keys, const char *key)
{
    for (guint i = 0; i < keys->len; i++)
        if (strcmp(g_ptr_array_index(keys, i), key) == 0)
            return TRUE;
    return FALSE;
}

static void
clients(void **state G_GNUC_UNUSED)
{
    GPtrArray *keys = policy_keys_client("192.0.2.77");
    assert_int_equal(keys->len, 26);
    assert_string_equal(g_ptr_array_index(keys, 0), "192.0.2.77");
    assert_string_equal(g_ptr_array_index(keys, 1), "192.0.2.77/32");
    assert_string_equal(g_ptr_array_index(keys, 2), "192.0.2.76/31");
    assert_true(has(keys, "192.0.2.64/26") && has(keys, "192.0.2.0/24") && has(keys, "192.0.0.0/16") && has(keys, "192.0.0.0/14"));
    assert_string_equal(g_ptr_array_index(keys, 25), "192.0.0.0/8");
    g_ptr_array_unref(keys);

    keys = policy_keys_client("2001:0DB8:1:2:3:4:5:6");
    assert_int_equal(keys->len, 51);
    assert_string_equal(g_ptr_array_index(keys, 0), "2001:db8:1:2:3:4:5:6");
    assert_string_equal(g_ptr_array_index(keys, 1), "2001:db8:1:2:3:4:5:6/128");
    assert_string_equal(g_ptr_array_index(keys, 2), "2001:db8:1:2::/64");
    assert_true(has(keys, "2001:db8:1::/56") && has(keys, "2001:db8:1::/48") && has(keys, "2001:db8::/32") && has(keys, "2001:db8::/29"));
    assert_string_equal(g_ptr_array_index(keys, 50), "2001::/16");
    g_ptr_array_unref(keys);

    keys = policy_keys_client("::ffff:192.0.2.77");
    assert_string_equal(g_ptr_array_index(keys, 0), "192.0.2.77");
    g_ptr_array_unref(keys);
    static const char *const none[] = {"", "unknown", "192.0.2", "192.0.2.1/24", "a@b", "1.2.3.4.5", "[::1]"};
    for (guint i = 0; i < G_N_ELEMENTS(none); i++) {
        keys = policy_keys_client(none[i]);
        assert_int_equal(keys->len, 0);
        g_ptr_array_unref(keys);
    }
}

static void
entries(void **state G_GNUC_UNUSED)
{
    static const char *const table[][2] = {
        {" Bob@A.Test ", "bob@a.test"}, {"@A.test.", "@a.test"}, {".A.test", ".a.test"}, {"@bücher.test", "@xn--bcher-kva.test"},
        {"\"bob\"@a.test", "bob@a.test"}, {"Fred", "fred"}, {"<>", "<>"}, {"a/b@c.test", "a/b@c.test"},
        {"192.0.2.0/99@c.test", "192.0.2.0/99@c.test"}, /* an odd local part, no network */
        {"@[192.0.2.1]", "@[192.0.2.1]"},
        {"192.0.2.1", "192.0.2.1"}, {"192.0.2.1/32", "192.0.2.1"}, {"192.0.2.0/24", "192.0.2.0/24"}, {"10.0.0.0/8", "10.0.0.0/8"},
        {"[2001:DB8::1]", "2001:db8::1"}, {"2001:db8:0::/32", "2001:db8::/32"}, {"2001:db8::1/128", "2001:db8::1"},
        {"[2001:db8::]/48", "2001:db8::/48"}, {"::ffff:192.0.2.1", "192.0.2.1"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *entry = policy_entry_normalise(table[i][0], &error);
        if (!entry)
            fail_msg("%s", error->message);
        assert_string_equal(entry, table[i][1]);
    }
    static const char *const wrong[][2] = {
        {"", "an entry is"}, {"  ", "an entry is"}, {"a.test", "as @domain"}, {"@", "comes a domain"}, {".", "comes a domain"},
        {"@a@b", "comes a domain"}, {"..a", "comes a domain"}, {"@a..b", "comes a domain"}, {".[192.0.2.1]", "literal"},
        {"a@", "no address"}, {"a@.b", "no address"}, {"a@b c", "no address"}, {"a\nb@c", "control"}, {"a\xff@b", "UTF-8"},
        {"192.0.2.1/24", "did you mean 192.0.2.0/24"}, {"192.0.2.0/33", "up to 32"}, {"192.0.2.0/", "up to 32"},
        {"0.0.0.0/0", "from /8"}, {"2000::/3", "from /16"}, {"2001:db8::/96", "from /16 to /64"}, {"2001:db8::1/64", "did you mean"},
        {"*", "as @domain"}, {".1.2.3.4.5.6.7.8.9.10.11.12.13", "12 labels"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        char *entry = policy_entry_normalise(wrong[i][0], &error);
        if (entry)
            fail_msg("%s: taken as %s", wrong[i][0], entry);
        assert_true(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT));
        if (!strstr(error->message, wrong[i][1]))
            fail_msg("%s, want: %s", error->message, wrong[i][1]);
    }
    g_autofree char *local = g_strnfill(400, 'x');
    g_autofree char *long_address = g_strconcat(local, "@a.test", NULL);
    assert_null(policy_entry_normalise(long_address, NULL));
}

typedef char *(*normalise)(const char *text, GError **error);

static void
takes(normalise make, const char *text, const char *want)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *got = make(text, &error);
    if (!got)
        fail_msg("%s", error->message);
    assert_string_equal(got, want);
}

static void
refuses(normalise make, const char *text, const char *why)
{
    g_autoptr(GError) error = NULL;
    char *got = make(text, &error);
    if (got)
        fail_msg("%s: taken as %s", text, got);
    assert_true(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT));
    if (!strstr(error->message, why))
        fail_msg("%s, want: %s", error->message, why);
}

static void
subjects_logins_and_senders(void **state G_GNUC_UNUSED)
{
    g_autofree char *local = g_strnfill(400, 'x');

    takes(policy_subject_normalise, " * ", "*");
    takes(policy_subject_normalise, "Bob@A.Test", "bob@a.test");
    takes(policy_subject_normalise, "@A.test", "@a.test");
    takes(policy_subject_normalise, "Fred", "fred");
    refuses(policy_subject_normalise, ".a.test", "@domain or *");
    refuses(policy_subject_normalise, "<>", "@domain or *");
    refuses(policy_subject_normalise, "192.0.2.0/24", "@domain or *");
    refuses(policy_subject_normalise, "::1", "@domain or *");
    takes(policy_subject_normalise, "Fred.X", "fred.x");
    refuses(policy_subject_normalise, "192.0.2.1", "@domain or *");
    refuses(policy_subject_normalise, "", "limits are for");
    takes(policy_login_normalise, " Bob@A.Test", "bob@a.test");
    takes(policy_login_normalise, "bob.smith", "bob.smith");
    refuses(policy_login_normalise, "@a.test", "no login");
    refuses(policy_login_normalise, " ", "a login is needed");
    refuses(policy_login_normalise, "b\nb", "control");
    refuses(policy_login_normalise, "b\xff", "UTF-8");
    refuses(policy_login_normalise, local, "longer");
    takes(policy_sender_normalise, "Info+x@A.Test", "info+x@a.test");
    takes(policy_sender_normalise, "@A.Test", "@a.test");
    refuses(policy_sender_normalise, ".a.test", "a sender is");
    refuses(policy_sender_normalise, "<>", "a sender is");
    refuses(policy_sender_normalise, "fred", "a sender is");
    refuses(policy_sender_normalise, "192.0.2.1", "a sender is");
    refuses(policy_sender_normalise, "a@", "no address");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(subjects),
        cmocka_unit_test(clients),
        cmocka_unit_test(entries),
        cmocka_unit_test(subjects_logins_and_senders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
