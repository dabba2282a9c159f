/* test_settings.c: values, bounds, what is accepted, and every error with its file and line. */
#include "lib/base/settings.h"
#include "tests/unit/base/test.h"
#include <sys/stat.h>
#include <unistd.h>

struct box {
    char *name, *secret, *file, *socket;
    gboolean on;
    gint64 count, size, time, points, mode;
    int colour;
    char **list, **any;
};
struct other {
    char *only_here;
};
struct rule {
    char *title;
    gint64 weight;
    char **words;
};
struct whole {
    struct box box;
    struct other other;
    GPtrArray *rules;
};

static const char *const colours[] = {"red", "green", NULL};
static const char *const parts[] = {"archive", "envelope", "auth", NULL};

#define AT(f) G_STRUCT_OFFSET(struct box, f)
static const struct setting box_settings[] = {
    {"name", SETTING_STRING, AT(name), "nobody", 1, 20, NULL, "A name. Its 'quotes'\\.", FALSE},
    {"secret", SETTING_STRING, AT(secret), "", 0, 0, NULL, "A secret.", TRUE},
    {"file", SETTING_PATH, AT(file), "/tmp/x", 0, 0, NULL, "A file.", FALSE},
    {"socket", SETTING_SOCKET, AT(socket), "", 0, 0, NULL, "A socket.", FALSE},
    {"on", SETTING_BOOL, AT(on), "no", 0, 0, NULL, "On.", FALSE},
    {"count", SETTING_INT, AT(count), "-1", -5, 1000, NULL, "Count.", FALSE},
    {"size", SETTING_SIZE, AT(size), "1536K", 1024, 1 << 30, NULL, "Size.", FALSE},
    {"time", SETTING_TIME, AT(time), "1500ms", 0, 172800000, NULL, "Time.", FALSE},
    {"points", SETTING_POINTS, AT(points), "-0.5", -1000000, 6310, NULL, "Points.", FALSE},
    {"mode", SETTING_MODE, AT(mode), "0660", 0600, 0777, NULL, "Mode.", FALSE},
    {"colour", SETTING_ENUM, AT(colour), "red", 0, 0, colours, "Colour.", FALSE},
    {"list", SETTING_LIST, AT(list), "archive, auth", 0, 0, parts, "List.", FALSE},
    {"any", SETTING_LIST, AT(any), "", 0, 2, NULL, "Any.", FALSE},
    {.name = NULL}};
static const struct setting other_settings[] = {
    {"only_here", SETTING_STRING, G_STRUCT_OFFSET(struct other, only_here), "", 0, 0, NULL, "Only here.", FALSE},
    {.name = NULL}};

static const struct setting rule_settings[] = {
    {"weight", SETTING_INT, G_STRUCT_OFFSET(struct rule, weight), "1", 0, 9, NULL, "Weight.", FALSE},
    {"words", SETTING_LIST, G_STRUCT_OFFSET(struct rule, words), "one, two", 0, 5, NULL, "Words.", FALSE},
    {.name = NULL}};

static void
rule_check(const void *section, struct settings_report *to)
{
    const struct rule *rule = section;
    if (rule->weight == 4)
        settings_complain_item(to, TRUE, "rule", rule, "weight", "is %s", "unlucky");
    if (rule->weight == 5)
        settings_complain_item(to, FALSE, "rule", rule, "words", "goes badly with %s", rule->title);
}

static void
box_check(const void *section, struct settings_report *report)
{
    const struct box *box = section;
    if (box->count == 13)
        settings_complain(report, TRUE, "box", "count", "is %s", "unlucky");
    if (box->colour == 1)
        settings_complain(report, FALSE, "box", "mode", "green goes badly with %04o", (guint)box->mode);
}

static const struct settings_section sections[] = {
    {"box", G_STRUCT_OFFSET(struct whole, box), 0, box_settings, "A box. For tests.", box_check},
    {"other", G_STRUCT_OFFSET(struct whole, other), 0, other_settings, "Another.", NULL},
    {"rule", G_STRUCT_OFFSET(struct whole, rules), sizeof(struct rule), rule_settings, "A rule.", rule_check},
    {.name = NULL}};

static char *dir;
static struct whole config;
static struct settings_report *report;

static char *
new_file(const char *name, const char *text, int mode)
{
    char *path = g_build_filename(dir, name, NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    assert_int_equal(chmod(path, (mode_t)mode), 0);
    return path;
}

/* write_file - a file that is only named by others */
static void
write_file(const char *name, const char *text)
{
    g_free(new_file(name, text, 0640));
}

static void
reset(void)
{
    settings_clear(sections, &config);
    settings_report_free(&report);
    report = settings_report_new();
}

/* load - text as main.conf */
static gboolean
load(const char *text)
{
    g_autofree char *path = new_file("main.conf", text, 0640);
    reset();
    return settings_load(sections, path, &config, report);
}

/* expect - the reported lines (errors, then warnings marked "W "), without the directory in them */
static void
expect(const char *const *lines)
{
    g_autoptr(GString) got = g_string_new(NULL), wanted = g_string_new(NULL);
    for (guint i = 0; i < report->errors->len; i++)
        g_string_append_printf(got, "%s\n", (char *)g_ptr_array_index(report->errors, i));
    for (guint i = 0; i < report->warnings->len; i++)
        g_string_append_printf(got, "W %s\n", (char *)g_ptr_array_index(report->warnings, i));
    for (; *lines; lines++)
        g_string_append_printf(wanted, "%s\n", *lines);
    g_autofree char *prefix = g_strconcat(dir, "/", NULL);
    g_string_replace(got, prefix, "", 0);
    assert_string_equal(got->str, wanted->str);
}
#define EXPECT(...) expect((const char *const[]){__VA_ARGS__, NULL})

static int
setup(void **state)
{
    (void)state;
    dir = test_dir();
    memset(&config, 0, sizeof config);
    report = settings_report_new();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    settings_clear(sections, &config);
    settings_report_free(&report);
    test_dir_free(dir);
    return 0;
}

static void
test_defaults(void **state)
{
    (void)state;
    assert_true(settings_load(sections, NULL, &config, report));
    assert_string_equal(config.box.name, "nobody");
    assert_int_equal(config.box.count, -1);
    assert_int_equal(config.box.size, 1536 * 1024);
    assert_int_equal(config.box.time, 1500);
    assert_int_equal(config.box.mode, 0660);
    assert_int_equal(g_strv_length(config.box.list), 2);
    assert_string_equal(config.box.list[1], "auth");
    assert_int_equal(g_strv_length(config.box.any), 0);
}

static void
test_all_forms(void **state)
{
    (void)state;
    g_setenv("POSTERN_TEST", "from environment", TRUE);
    g_unsetenv("POSTERN_UNSET");
    gboolean ok = load("# comment\n// comment\n/* comment\n over lines */\r\n"
                     "box { name = \"a \\\"b\\\" \\\\ \\$ #x\"  secret = '${x} \"y\\'z\\q'\n"
                     "  file = /var/lib/x-1_2:3@4//5 socket = inet:25@127.0.0.1 on = yes\n"
                     "  count = -5 size = 1G\n time = 2d points = -12.25 mode = 0777 colour=green # comment\n"
                     "  list = {envelope, # inside\n \"auth\", }\n}\n"
                     "other{only_here = \"${POSTERN_TEST}/${POSTERN_UNSET:-de fault}\"}\n"
                     "box { any = single }");
    EXPECT("W main.conf:8: box.mode: green goes badly with 0777");
    assert_true(ok);
    assert_string_equal(config.box.name, "a \"b\" \\ $ #x");
    assert_string_equal(config.box.secret, "${x} \"y'z\\q");
    assert_string_equal(config.box.file, "/var/lib/x-1_2:3@4//5");
    assert_true(config.box.on);
    assert_int_equal(config.box.count, -5);
    assert_int_equal(config.box.size, 1 << 30);
    assert_int_equal(config.box.time, 172800000);
    assert_int_equal(config.box.points, -12250);
    assert_int_equal(config.box.mode, 0777);
    assert_int_equal(config.box.colour, 1);
    assert_int_equal(g_strv_length(config.box.list), 2);
    assert_string_equal(config.box.list[0], "envelope");
    assert_string_equal(config.box.any[0], "single");
    assert_string_equal(config.other.only_here, "from environment/de fault");
    assert_true(load("box { list = {} }\nother { only_here = ${POSTERN_TEST} }"));
    assert_int_equal(g_strv_length(config.box.list), 0);
    assert_string_equal(config.other.only_here, "from environment");
    assert_true(load(""));
    assert_string_equal(config.box.name, "nobody");
}

static void
test_value_errors_are_all_told(void **state)
{
    (void)state;
    assert_false(load("# one\n\nbox {\n name = \"\"\n secret = \"tab\\there\"\n file = relative\n"
                      " socket = unix:x\n on = maybe\n count = 1001\n size = 1X\n time = 20\n mode = 0990\n"
                      " points = 1.2345\n colour = gren\n list = {archive, archiv, archive}\n any = {a, b, c}\n}\n"));
    EXPECT("main.conf:4: box.name: must not be empty",
           "main.conf:5: box.secret: the value is not allowed (not shown, it is a secret)",
           "main.conf:6: box.file: \"relative\" is not an absolute path; it must begin with /",
           "main.conf:7: box.socket: \"unix:x\" needs an absolute path, as unix:/run/x.sock",
           "main.conf:8: box.on: \"maybe\" is neither yes nor no",
           "main.conf:9: box.count: \"1001\" is too large: at most 1000",
           "main.conf:10: box.size: \"1X\" is not a size; write a number with K, M, G or T, as 64M",
           "main.conf:11: box.time: \"20\" is not a time; write a number with ms, s, m, h or d, as 20s",
           "main.conf:12: box.mode: \"0990\" is not a file mode; write octal digits, as 0660",
           "main.conf:13: box.points: \"1.2345\" is not a number of points; at most three digits behind the dot",
           "main.conf:14: box.colour: \"gren\" is not known; did you mean \"green\"?",
           "main.conf:15: box.list: \"archiv\" is not known; did you mean \"archive\"?",
           "main.conf:15: box.list: \"archive\" is in the list twice",
           "main.conf:16: box.any: too many items: at most 2");
    assert_false(load("box { count = 9223372036854775808\n size = 99999999999999999999G time = 1023h\n"
                      " points = 6.311 mode = 0500 name = 123456789012345678901 colour = blue }"));
    EXPECT("main.conf:1: box.count: \"9223372036854775808\" is not a whole number",
           "main.conf:2: box.size: \"99999999999999999999G\" is not a size; write a number with K, M, G or T, as 64M",
           "main.conf:2: box.time: \"1023h\" is too large: at most 2d",
           "main.conf:3: box.points: \"6.311\" is too large: at most 6.31",
           "main.conf:3: box.mode: \"0500\" is too small: at least 0600",
           "main.conf:3: box.name: the value is too long: at most 20 bytes",
           "main.conf:3: box.colour: \"blue\" is not known; choose from: red, green");
}

static void
test_unknown_and_repeated(void **state)
{
    (void)state;
    assert_false(load("box {\n coutn = 1\n only_here = 2\n frobnicate = {1,2}\n count = 2000\n}\n"
                      "bax {\n x = { 1 }\n deep { y = 1 }\n}\nwhatever { }\n"
                      "box {\n name = a\n name = b\n list = {}\n list = {auth}\n}\n"));
    EXPECT("main.conf:2: there is no setting \"coutn\" in section box; did you mean \"count\"?",
           "main.conf:3: there is no setting \"only_here\" in section box; it belongs in section other",
           "main.conf:4: there is no setting \"frobnicate\" in section box; `postern config sample` shows them all",
           "main.conf:7: there is no section \"bax\"; did you mean \"box\"?",
           "main.conf:11: there is no section \"whatever\"; the sections are: box, other, rule",
           "main.conf:14: box.name is set twice, first at main.conf:13; remove one",
           "main.conf:16: box.list is set twice, first at main.conf:15; remove one");
    /* Where only settings are unknown, libconfuse can go on, and wrong values after them are found too. */
    assert_false(load("box {\n coutn = 1\n count = 2000\n}\n"));
    EXPECT("main.conf:2: there is no setting \"coutn\" in section box; did you mean \"count\"?",
           "main.conf:3: box.count: \"2000\" is too large: at most 1000");
}

/* Each text with the one error that it must give. */
static const struct {
    const char *text, *error;
} syntax[] = {
    {"box {\n name = x\n", "main.conf:1: section \"box\" begins here and is never closed; add a \"}\""},
    {"box {\n name = x\nother {\n", "main.conf:1: section \"box\" begins here"},
    {"box {\n name = \"x\n}\n", "main.conf:2: the text that begins here has no closing double quote"},
    {"box {\n name = 'x\n}\n", "main.conf:2: the text that begins here has no closing single quote"},
    {"other {\n}\nbox {\n name = \"x", "main.conf:3: section \"box\" begins here and is never closed"},
    {"box { }\n/* open\n\n", "main.conf:2: the comment that begins here has no end"},
    {"box {\n}\n}\n", "main.conf:3: \"}\" is not expected here"},
    {"box {\n name x\n}", "main.conf:2: write name = value: there is \"x\" after the name"},
    {"box {\n name =\n}", "main.conf:3: name has no value: there is \"}\" after \"=\""},
    {"name = x\n", "main.conf:1: \"name\" stands outside of a section"},
    {"box\n", "main.conf:1: write box { ... }: there is the end of the file"},
    {"box {\n name = a=b\n}", "main.conf:2: \"=\" is not expected here"},
    {"box {\n name = {a}\n}", "main.conf:2: box.name takes one value, without braces"},
    {"box {\n list = {a b}\n}", "main.conf:2: the list of list is written {a, b}: \"b\" is not expected here"},
    {"box {\n list = {,}\n}", "main.conf:2: the list of list is written {a, b}: \",\" is not expected here"},
    {"box {\n list += {auth}\n}", "main.conf:2: \"+=\" is not known"},
    {"box {\n socket = inet:25@*\n}", "main.conf:2: put the whole value in double quotes"},
    {"box {\n secret = pa#ss\n}", "main.conf:2: put the whole value in double quotes"},
    {"box {\n secret = pa\"ss\"\n}", "main.conf:2: put the whole value in double quotes"},
    {"box {\n secret = \"pa\"ss\n}", "main.conf:2: put the whole value in double quotes"},
    {"box {\n secret = a${HOME}\n}", "main.conf:2: put the whole value in double quotes"},
    {"box {\n secret = \"a${HOME\"\n}", "main.conf:2: \"${\" must be ${NAME}"},
    {"box {\n secret = \"a\\8\"\n}", "main.conf:2: in double quotes a backslash may stand before"},
    {"box {\n secret = \"${POSTERN_UNSET}\"\n}", "main.conf:2: the environment has no variable POSTERN_UNSET"},
    {"box {\n name = x;\n}", "main.conf:2: no \";\" is needed"},
    {"box {\n name = x\n \"file\" = y\n}", "main.conf:3: \"file\" is not expected here"},
    {"include x\n", "main.conf:1: write include(\"file\")"},
    {"include(\"a\", \"b\")\n", "main.conf:1: write include(\"file\")"},
    {"include(\"absent.conf\")\n", "main.conf:1: include absent.conf: No such file"},
    {"box { \x01 }\n", "main.conf:1: a control character (0x01)"},
    {"\xef\xbb\xbf" "box { }\n", "main.conf:1: the file begins with a byte order mark"},
    {"box { }\n\n# \xe9\n", "main.conf:3: the file is not UTF-8 text"},
    {"{\n", "main.conf:1: \"{\" is not expected here; write section { ... }"},
};

static void
test_syntax_errors(void **state)
{
    (void)state;
    g_autofree char *prefix = g_strconcat(dir, "/", NULL);
    g_unsetenv("POSTERN_UNSET");
    for (guint i = 0; i < G_N_ELEMENTS(syntax); i++) {
        assert_false(load(syntax[i].text));
        g_autoptr(GString) first = g_string_new(g_ptr_array_index(report->errors, 0));
        g_string_replace(first, prefix, "", 0);
        if (!g_str_has_prefix(first->str, syntax[i].error))
            fail_msg("%s\n  gives  %s\n  not    %s", syntax[i].text, first->str, syntax[i].error);
    }
    /* And nothing of all that is left in libconfuse for the next file. */
    assert_true(load("box { name = fine }"));
    assert_string_equal(config.box.name, "fine");
}

static void
test_many_errors_in_one_pass(void **state)
{
    (void)state;
    assert_false(load("box {\n name x\n secret = pa#ss\n coutn = 3\n}\nothr { }\nother {\n only_here = \"a\n"));
    EXPECT("main.conf:2: write name = value: there is \"x\" after the name",
           "main.conf:3: put the whole value in double quotes: it has characters in it that end an unquoted value",
           "main.conf:4: there is no setting \"coutn\" in section box; did you mean \"count\"?",
           "main.conf:6: there is no section \"othr\"; did you mean \"other\"?",
           "main.conf:7: section \"other\" begins here and is never closed; add a \"}\"",
           "main.conf:8: the text that begins here has no closing double quote on its line");
    g_autoptr(GString) flood = g_string_new(NULL);
    for (int i = 0; i < 1000; i++)
        g_string_append(flood, "}\n");
    assert_false(load(flood->str));
    assert_int_equal(report->errors->len, 101);
}

static void
test_includes(void **state)
{
    (void)state;
    write_file("a.conf", "# one\n# two\nbox {\n count = 7\n include(\"b.conf\")\n size = 9\n}\n");
    write_file("b.conf", "# in box\nname = bee\nname = boo\nlist = {}\n");
    assert_false(load("include(a.conf)\nbox {\n\n colour = blu\n include('b2.conf')\n}\n"));
    EXPECT("main.conf:4: box.colour: \"blu\" is not known; choose from: red, green",
           "main.conf:5: include b2.conf: No such file or directory",
           "a.conf:6: box.size: \"9\" is too small: at least 1K",
           "b.conf:3: box.name is set twice, first at b.conf:2; remove one");
    assert_int_equal(config.box.count, 7);
    assert_int_equal(g_strv_length(config.box.list), 0);
    write_file("loop.conf", "include(loop.conf)\n");
    assert_false(load("include(\"loop.conf\")"));
    EXPECT("loop.conf:1: more than 8 levels or 64 files of includes; does a file include itself?");
    write_file("twice.conf", "include(twice.conf)\ninclude(twice.conf)\n");
    assert_false(load("include(\"twice.conf\")")); /* 2^8 files, if it were not for the limit */
    assert_true(report->errors->len > 1 && report->errors->len <= 101);
    write_file("open.conf", "box {\n");
    assert_false(load("include(\"open.conf\")\n}\n"));
    EXPECT("main.conf:2: \"}\" is not expected here; write section { ... }");
    assert_false(load("include(\"open.conf\")\nother { only_here = x }\n"));
    EXPECT("open.conf:1: section \"box\" begins here and is never closed; add a \"}\"");
}

static void
test_files(void **state)
{
    (void)state;
    g_autofree char *readable = new_file("r.conf", "box {\n secret = x\n}", 0644);
    reset();
    assert_true(settings_load(sections, readable, &config, report));
    g_autofree char *warning = g_strdup_printf(
        "W r.conf:2: box.secret is a secret in a file that everyone can read; chmod o-r %s", "r.conf");
    EXPECT(warning);
    g_autofree char *writable = new_file("w.conf", "", 0666);
    reset();
    assert_false(settings_load(sections, writable, &config, report));
    EXPECT("w.conf: everyone can write to it; chmod o-w w.conf");
    reset();
    assert_false(settings_load(sections, dir, &config, report));
    assert_true(g_str_has_suffix(g_ptr_array_index(report->errors, 0), ": is not a regular file"));
    g_autofree char *absent = g_build_filename(dir, "absent", NULL);
    reset();
    assert_false(settings_load(sections, absent, &config, report));
    EXPECT("absent: No such file or directory");
    g_autofree char *much = g_strnfill((1 << 20) + 1, '\n'), *large = new_file("l.conf", much, 0640);
    reset();
    assert_false(settings_load(sections, large, &config, report));
    EXPECT("l.conf: is larger than 1 MiB");
}

static void
test_checks(void **state)
{
    (void)state;
    assert_false(load("box {\n count = 13\n colour = green\n}"));
    EXPECT("main.conf:2: box.count: is unlucky", "W (default): box.mode: green goes badly with 0660");
}

static void
test_show_loads_to_the_same(void **state)
{
    (void)state;
    g_autoptr(GString) all = g_string_new(NULL), changed = g_string_new(NULL), again = g_string_new(NULL);
    assert_true(load("box { name = 'q\"\\ $x' secret = pass size = 3M time = 90s count = 0 points = -1.5 any = {\"x y\"} }"));
    settings_show(sections, &config, TRUE, changed);
    assert_string_equal(changed->str, "box {\n    name = \"q\\\"\\\\ \\$x\"\n    # secret = (hidden)\n    count = 0\n"
                                      "    size = 3M\n    time = 90s\n    points = -1.5\n    any = {\"x y\"}\n}\n");
    settings_show(sections, &config, FALSE, all);
    assert_non_null(strstr(all->str, "\nother {\n    only_here = \"\"\n}\n"));
    assert_null(strstr(all->str, "pass"));
    assert_true(load(all->str));
    settings_show(sections, &config, FALSE, again);
    g_string_replace(all, "    # secret = (hidden)\n", "    secret = \"\"\n", 0);
    assert_string_equal(again->str, all->str);
}

static void
test_sample_and_mdoc(void **state)
{
    (void)state;
    g_autoptr(GString) sample = g_string_new(NULL), changed = g_string_new(NULL), mdoc = g_string_new(NULL);
    settings_sample(sections, sample);
    assert_true(load(sample->str)); /* as it is: nothing set */
    settings_show(sections, &config, TRUE, changed);
    assert_string_equal(changed->str, "");
    GRegex *commented = g_regex_new("^    #(?=[a-z])", G_REGEX_MULTILINE, 0, NULL);
    g_autofree char *live = g_regex_replace(commented, sample->str, -1, 0, "    ", 0, NULL);
    g_regex_unref(commented);
    assert_string_not_equal(live, sample->str);
    assert_true(load(live)); /* with every comment sign taken away: the defaults */
    settings_show(sections, &config, TRUE, changed);
    assert_string_equal(changed->str, "");
    settings_mdoc(sections, mdoc);
    assert_non_null(strstr(mdoc->str, ".Ss Section box\nA box.\nFor tests.\n.Bl -tag -width Ds\n"
                                      ".It Ic name No = Ar \\(dqnobody\\(dq\nA name.\nIts 'quotes'\\e.\n"
                                      "(text, not empty)\n"));
    assert_non_null(strstr(mdoc->str, ".It Ic count No = Ar \\-1\nCount.\n(number, \\-5 to 1000)\n"));
}

static const struct rule *
rule(guint i)
{
    assert_true(i < config.rules->len);
    return g_ptr_array_index(config.rules, i);
}

static void
test_titled_sections(void **state)
{
    (void)state;
    g_autoptr(GString) shown = g_string_new(NULL), sample = g_string_new(NULL);
    assert_true(load("rule b { weight = 3 }\nbox { count = 5 }\nrule \"a-1.x\" { words = {x} }\nrule c {}\n"));
    assert_int_equal(config.rules->len, 3);
    assert_string_equal(rule(0)->title, "b"); /* in the order of the file */
    assert_int_equal(rule(0)->weight, 3);
    assert_string_equal(rule(0)->words[1], "two");
    assert_string_equal(rule(1)->title, "a-1.x");
    assert_int_equal(rule(1)->weight, 1);
    assert_int_equal(g_strv_length(rule(1)->words), 1);
    settings_show(sections, &config, TRUE, shown);
    assert_string_equal(shown->str, "box {\n    count = 5\n}\n\nrule b {\n    weight = 3\n}\n\nrule a-1.x {\n    words = {\"x\"}\n}\n\n"
                                    "rule c {\n}\n");
    assert_true(load(shown->str));
    assert_int_equal(config.rules->len, 3);
    settings_sample(sections, sample);
    assert_non_null(strstr(sample->str, "\n#rule example {\n#    # Weight. (number, 0 to 9)\n#    weight = 1\n#\n"));
    assert_true(load(sample->str));
    assert_int_equal(config.rules->len, 0);
    write_file("words.conf", "words = {from, file}\n");
    assert_true(load("rule r { include(\"words.conf\") }\nrule s { include(\"words.conf\") weight = 2 }"));
    assert_string_equal(rule(0)->words[1], "file");
    assert_string_equal(rule(1)->words[1], "file");
    assert_int_equal(rule(1)->weight, 2);
}

static void
test_titled_section_errors(void **state)
{
    (void)state;
    assert_false(load("rule {\n}\nbox x { count = 2 }\nrule a {}\nrule a { weight = 3 }\nrule \"no blanks\" {\n weight = 1 }\nrule e\n"));
    EXPECT("main.conf:1: a section \"rule\" needs a title, as in rule example { ... }",
           "main.conf:3: there is one section \"box\" only: it takes no title",
           "main.conf:5: there is a section \"rule a\" already, at main.conf:4; give this one another title",
           "main.conf:6: the title of a section \"rule\" has 1 to 64 letters, digits, -, _ and . only",
           "main.conf:8: write rule e { ... }: there is the end of the file after the name of the section");
    assert_false(load("rule a {\n weight = 1\n weight = 2\n weigth = 1\n}\nrule b {\n weight = 77\n}"));
    EXPECT("main.conf:3: rule a.weight is set twice, first at main.conf:2; remove one",
           "main.conf:4: there is no setting \"weigth\" in section rule; did you mean \"weight\"?",
           "main.conf:7: rule b.weight: \"77\" is too large: at most 9");
    assert_false(load("rule a {\n weight = 4\n}\nrule b {\n weight = 5\n}\n"));
    EXPECT("main.conf:2: rule a.weight: is unlucky", "W main.conf:4: rule b.words: goes badly with b");
    g_autoptr(GString) many = g_string_new(NULL);
    for (guint i = 0; i <= SETTINGS_ITEMS_MAX; i++)
        g_string_append_printf(many, "rule r%u {}\n", i);
    assert_false(load(many->str));
    EXPECT("main.conf:257: more than 256 sections \"rule\"");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_defaults), T(test_all_forms), T(test_value_errors_are_all_told),
                                       T(test_unknown_and_repeated), T(test_syntax_errors),
                                       T(test_many_errors_in_one_pass), T(test_includes), T(test_files), T(test_titled_sections), T(test_titled_section_errors),
                                       T(test_checks), T(test_show_loads_to_the_same), T(test_sample_and_mdoc)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
