/* test_dmarc_report.c: aggregate reports written, read back, and read as others send them. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "lib/mail/auth/dmarc_report_internal.h"
#include "lib/mail/auth/dmarc_report_read.h"
#include "lib/mail/auth/dmarc_report_xml.h"
#include "tests/unit/base/test.h"

static struct dmarc_report *
read_bytes(const void *data, gsize size, const char **why)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    struct dmarc_report *report;

    *why = NULL;
    report = dmarc_report_read(bytes, why);
    assert_true(report != NULL || *why != NULL);
    return report;
}

static struct dmarc_report *
read_text(const char *text)
{
    const char *why;
    struct dmarc_report *report = read_bytes(text, strlen(text), &why);

    if (report == NULL)
        fail_msg("%s: %.200s", why, text);
    return report;
}

static void
assert_refused(const void *data, gssize size, const char *expected)
{
    const char *why;
    struct dmarc_report *report = read_bytes(data, size >= 0 ? (gsize)size : strlen(data), &why);

    assert_null(report);
    assert_string_equal(why, expected);
}

static const struct dmarc_report_row *
row(const struct dmarc_report *report, guint i)
{
    return g_ptr_array_index(report->rows, i);
}

/* A report with everything in it, and n rows. */
static struct dmarc_report *
sample(guint n)
{
    struct dmarc_report *report = dmarc_report_new();

    report->org_name = g_strdup("R & D <x>");
    report->email = g_strdup("r@receiver.example");
    report->report_id = g_strdup("id-1");
    report->begin = 1700000000;
    report->end = 1700086399;
    report->domain = g_strdup("example.com");
    report->adkim = g_strdup("r");
    report->p = g_strdup("reject");
    report->pct = g_strdup("100");
    for (guint i = 0; i < n; i++) {
        struct dmarc_report_row *added = dmarc_report_add_row(report);

        added->source_ip = g_strdup_printf("2001:db8::%x", g_str_hash("x") * i & 0xffff);
        added->count = i + 1;
        added->disposition = g_strdup("none");
        added->dkim = g_strdup("pass");
        added->spf = g_strdup("fail");
        added->header_from = g_strdup("example.com");
        struct dmarc_report_reason *reason = dmarc_report_add_reason(added);
        reason->type = g_strdup("local_policy");
        reason->comment = g_strdup("arc=\"pass\" 'x'");
        struct dmarc_report_dkim *dkim = dmarc_report_add_dkim(added);
        dkim->domain = g_strdup("example.com");
        dkim->selector = g_strdup_printf("s%u", i);
        dkim->result = g_strdup("pass");
        dmarc_report_add_dkim(added)->domain = g_strdup("second.example");
        struct dmarc_report_spf *spf = dmarc_report_add_spf(added);
        spf->domain = g_strdup("bounce.example");
        spf->scope = g_strdup("mfrom");
        spf->result = g_strdup("softfail");
    }
    return report;
}

static void
test_xml(void **state)
{
    struct dmarc_report *report = sample(1);
    GString *xml = dmarc_report_xml(report, 0, 1, "id-1");

    (void)state;
    assert_string_equal(
        xml->str, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>\n  <version>1.0</version>\n  <report_metadata>\n"
                  "    <org_name>R &amp; D &lt;x&gt;</org_name>\n    <email>r@receiver.example</email>\n"
                  "    <report_id>id-1</report_id>\n    <date_range>\n      <begin>1700000000</begin>\n"
                  "      <end>1700086399</end>\n    </date_range>\n  </report_metadata>\n  <policy_published>\n"
                  "    <domain>example.com</domain>\n    <adkim>r</adkim>\n    <p>reject</p>\n    <pct>100</pct>\n"
                  "  </policy_published>\n  <record>\n    <row>\n      <source_ip>2001:db8::0</source_ip>\n"
                  "      <count>1</count>\n      <policy_evaluated>\n        <disposition>none</disposition>\n"
                  "        <dkim>pass</dkim>\n        <spf>fail</spf>\n        <reason>\n"
                  "          <type>local_policy</type>\n"
                  "          <comment>arc=&quot;pass&quot; &apos;x&apos;</comment>\n        </reason>\n"
                  "      </policy_evaluated>\n    </row>\n    <identifiers>\n"
                  "      <header_from>example.com</header_from>\n    </identifiers>\n    <auth_results>\n      <dkim>\n"
                  "        <domain>example.com</domain>\n        <selector>s0</selector>\n"
                  "        <result>pass</result>\n      </dkim>\n      <dkim>\n"
                  "        <domain>second.example</domain>\n      </dkim>\n      <spf>\n"
                  "        <domain>bounce.example</domain>\n        <scope>mfrom</scope>\n"
                  "        <result>softfail</result>\n      </spf>\n    </auth_results>\n  </record>\n</feedback>\n");
    g_string_free(xml, TRUE);
    dmarc_report_free(&report);
    dmarc_report_free(&report);
}

static void
test_round_trip(void **state)
{
    struct dmarc_report *report = sample(3);
    const char *why = NULL;
    g_autoptr(GPtrArray) files = dmarc_report_write(report, "receiver.example", 0, &why);

    (void)state;
    assert_int_equal(files->len, 1);
    const struct dmarc_report_file *file = g_ptr_array_index(files, 0);
    assert_string_equal(file->name, "receiver.example!example.com!1700000000!1700086399!"
                                    "eb66c623572f8a2a5167ce017dee0541.xml.gz");
    assert_true(file->first == 0 && file->rows == 3);
    struct dmarc_report *again = dmarc_report_read(file->bytes, &why);
    assert_non_null(again);
    assert_false(again->left_out);
    assert_string_equal(again->org_name, "R & D <x>");
    assert_int_equal(again->end, 1700086399);
    assert_int_equal(row(again, 2)->count, 3);
    assert_string_equal(((struct dmarc_report_reason *)g_ptr_array_index(row(again, 2)->reasons, 0))->comment,
                        "arc=\"pass\" 'x'");
    assert_int_equal(row(again, 2)->dkim_results->len, 2);
    g_autoptr(GString) first = dmarc_report_xml(report, 0, 3, "x"), second = dmarc_report_xml(again, 0, 3, "x");
    assert_string_equal(first->str, second->str);
    dmarc_report_free(&report);
    dmarc_report_free(&again);
}

/* Text from outside stays text, and a file's name a name. */
static void
test_hostile_texts(void **state)
{
    struct dmarc_report *report = sample(1);
    struct dmarc_report_row *first = g_ptr_array_index(report->rows, 0);
    const char *why = NULL;

    (void)state;
    g_free(first->header_from);
    first->header_from = g_strdup("</header_from><x a=\"&\"/>]]>\x01\xff\n\x7f");
    first->envelope_to = g_strnfill(DMARC_REPORT_TEXT_MAX + 1, '<');
    g_free(report->domain);
    report->domain = g_strdup("../../etc/a b!c");
    g_autoptr(GPtrArray) files = dmarc_report_write(report, "x/y\n", 0, &why);
    const struct dmarc_report_file *file = g_ptr_array_index(files, 0);
    assert_string_equal(file->name, "x_y_!.._.._etc_a_b_c!1700000000!1700086399!"
                                    "eb66c623572f8a2a5167ce017dee0541.xml.gz");
    struct dmarc_report *again = dmarc_report_read(file->bytes, &why);
    assert_string_equal(row(again, 0)->header_from, "</header_from><x a=\"&\"/>]]>????");
    assert_int_equal(strlen(row(again, 0)->envelope_to), DMARC_REPORT_TEXT_MAX);
    assert_true(g_str_has_suffix(row(again, 0)->envelope_to, "<..."));
    dmarc_report_free(&report);
    dmarc_report_free(&again);
}

static void
test_size_limit(void **state)
{
    struct dmarc_report *report = sample(500);
    const char *why = NULL;
    const gsize max = 2000;
    g_autoptr(GPtrArray) files = dmarc_report_write(report, "r.example", max, &why);
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint rows = 0;

    (void)state;
    assert_non_null(files);
    assert_true(files->len > 2);
    for (guint i = 0; i < files->len; i++) {
        const struct dmarc_report_file *file = g_ptr_array_index(files, i);
        struct dmarc_report *part = dmarc_report_read(file->bytes, &why);

        assert_true(g_bytes_get_size(file->bytes) <= max);
        assert_int_equal(file->first, rows);
        assert_int_equal(part->rows->len, file->rows);
        for (guint j = 0; j < file->rows; j++)
            assert_int_equal(row(part, j)->count, rows + j + 1);
        rows += file->rows;
        assert_true(g_hash_table_add(ids, g_strdup(part->report_id)));
        assert_true(g_str_has_prefix(part->report_id, "id-1."));
        assert_true(g_hash_table_add(ids, g_strdup(file->name)));
        dmarc_report_free(&part);
    }
    assert_int_equal(rows, 500);
    assert_null(dmarc_report_write(report, "r.example", 100, &why));
    assert_string_equal(why, "one row alone is larger than the size limit");
    dmarc_report_free(&report);
}

/* ---- read ---- */

#define HEAD "<?xml version=\"1.0\"?>\n<feedback>"

static void
test_what_others_write(void **state)
{
    struct dmarc_report *r =
        read_text("\xef\xbb\xbf\r\n <n:feedback xmlns:n='u'><n:report_metadata><n:org_name> a\n b </n:org_name>"
                  "<n:org_name>second</n:org_name><email/><date_range><begin> 17 </begin><end>x</end>"
                  "</date_range></n:report_metadata><unknown><domain>no</domain><record/></unknown>"
                  "<policy_published><domain>a<![CDATA[<b>]]>&#99;&amp;</domain></policy_published>"
                  "<record><row><count>-1</count><x><count>5</count></x></row></record></n:feedback>");

    (void)state;
    assert_string_equal(r->org_name, "a  b");
    assert_string_equal(r->email, "");
    assert_null(r->report_id);
    assert_true(r->begin == 17 && r->end == 0);
    assert_string_equal(r->domain, "a<b>c&");
    assert_int_equal(r->rows->len, 1);
    assert_int_equal(row(r, 0)->count, 0);
    dmarc_report_free(&r);
}

static void
test_charsets(void **state)
{
    static const guint8 utf16[] = "\xff\xfe<\0f\0e\0e\0d\0b\0a\0c\0k\0>\0<\0v\0e\0r\0s\0i\0o\0n\0>\0\xe9\0<\0/\0v\0e\0r\0s\0i\0"
                                  "o\0n\0>\0<\0/\0f\0e\0e\0d\0b\0a\0c\0k\0>";
    const char *why;
    struct dmarc_report *r = read_text(HEAD "<version>a\xff\xc3\xa9\x01\xef\xbf\xbf</version></feedback>");

    (void)state;
    assert_string_equal(r->version, "a\xef\xbf\xbd\xc3\xa9????");
    dmarc_report_free(&r);
    r = read_text("<?xml version='1.0' encoding='windows-1252'?><feedback><version>\xe9</version></feedback>");
    assert_string_equal(r->version, "\xc3\xa9");
    dmarc_report_free(&r);
    r = read_text("<?xml version='1.0' encoding='no-such'?><feedback><version>\xc3\xa9</version></feedback>");
    assert_string_equal(r->version, "\xc3\xa9");
    dmarc_report_free(&r);
    r = read_bytes(utf16, sizeof utf16, &why);
    assert_non_null(r);
    assert_string_equal(r->version, "\xc3\xa9");
    dmarc_report_free(&r);
}

static GBytes *
gzip_of(const char *data, gsize size)
{
    g_autofree guint8 *out = g_malloc(size + 4096);
    gsize used = 0;
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    archive_write_add_filter_gzip(archive);
    archive_write_set_format_raw(archive);
    archive_write_open_memory(archive, out, size + 4096, &used);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "x");
    archive_write_header(archive, entry);
    assert_int_equal(archive_write_data(archive, data, size), size);
    archive_entry_free(entry);
    archive_write_free(archive);
    return g_bytes_new(out, used);
}

static void
test_refused(void **state)
{
    static const char zip[] = "PK\x03\x04garbage";
    g_autoptr(GBytes) gz = gzip_of(HEAD "</feedback>", strlen(HEAD "</feedback>"));

    (void)state;
    assert_refused("", 0, "empty");
    assert_refused("<html></html>", -1, "no aggregate report: the root is not feedback");
    assert_refused(HEAD, -1, "no element found");
    assert_refused(HEAD "<record></feedback>", -1, "mismatched tag");
    assert_refused(HEAD "</feedback><x/>", -1, "junk after document element");
    assert_refused("hello", -1, "neither a report nor a mail with one");
    assert_refused(g_bytes_get_data(gz, NULL), (gssize)g_bytes_get_size(gz) - 12, "the archive is broken");
    assert_refused(zip, sizeof zip - 1, "the archive is broken");
    assert_refused("Subject: x\r\n\r\ntext", -1, "neither a report nor a mail with one");
}

/* Neither billion laughs nor a file of ours: no document type at all. */
static void
test_no_entities(void **state)
{
    (void)state;
    assert_refused(
        "<!DOCTYPE feedback [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><feedback><version>&b;</version></feedback>", -1,
        "a document type is not allowed");
    assert_refused("<!DOCTYPE feedback SYSTEM \"file:///etc/passwd\"><feedback/>", -1, "a document type is not allowed");
    assert_refused("<!DOCTYPE feedback><feedback/>", -1, "a document type is not allowed");
    assert_refused("<feedback><version>&x;</version></feedback>", -1, "undefined entity");
}

/* n entries of data before one with xml. */
static GBytes *
zip_of(guint n, const char *data, gsize size, const char *xml)
{
    const gsize room = (size + 4096) * (n + 1) + strlen(xml);
    g_autofree guint8 *out = g_malloc(room);
    gsize used = 0;
    struct archive *archive = archive_write_new();

    archive_write_set_format_zip(archive);
    archive_write_open_memory(archive, out, room, &used);
    for (guint i = 0; i <= n; i++) {
        struct archive_entry *entry = archive_entry_new();
        const gsize length = i < n ? size : strlen(xml);

        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_pathname(entry, "../x");
        archive_entry_set_size(entry, (la_int64_t)length);
        archive_write_header(archive, entry);
        assert_int_equal(archive_write_data(archive, i < n ? data : xml, length), length);
        archive_entry_free(entry);
    }
    archive_write_free(archive);
    return g_bytes_new(out, used);
}

static void
assert_refused_bytes(GBytes *bytes, const char *expected)
{
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);

    assert_refused(data, (gssize)size, expected);
    g_bytes_unref(bytes);
}

static void
test_bombs(void **state)
{
    const gsize size = DMARC_REPORT_XML_MAX + 1;
    g_autofree char *spaces = g_strnfill(size, ' ');
    const char *why;

    (void)state;
    memcpy(spaces, "<feedback>", 10);
    g_autoptr(GBytes) gz = gzip_of(spaces, size);
    assert_true(g_bytes_get_size(gz) < 100000);
    assert_refused_bytes(g_bytes_ref(gz), "larger than 16 MiB when unpacked");
    spaces[0] = 'x'; /* no XML: the next would be read */
    assert_refused_bytes(zip_of(2, spaces, size / 2, HEAD "</feedback>"), "larger than 16 MiB when unpacked");
    assert_refused_bytes(zip_of(DMARC_REPORT_ENTRIES_MAX, "x", 1, HEAD "</feedback>"), "too many files in the archive");
    assert_refused_bytes(zip_of(1, "x", 1, "y"), "no XML in the archive");
    g_autoptr(GBytes) just = zip_of(DMARC_REPORT_ENTRIES_MAX - 1, "x", 1, HEAD "</feedback>");
    struct dmarc_report *r = read_bytes(g_bytes_get_data(just, NULL), g_bytes_get_size(just), &why);
    assert_non_null(r);
    dmarc_report_free(&r);
    memcpy(spaces, "<feedback>", 10);
    assert_refused(spaces, (gssize)size, "larger than 16 MiB");
    memcpy(spaces + size - 1 - 11, "</feedback>", 11);
    r = read_bytes(spaces, size - 1, &why);
    assert_non_null(r);
    dmarc_report_free(&r);
}

static void
test_depth(void **state)
{
    (void)state;
    for (guint depth = DMARC_REPORT_DEPTH_MAX; depth <= DMARC_REPORT_DEPTH_MAX + 1; depth++) {
        GString *xml = g_string_new("<feedback>");

        for (guint i = 1; i < depth; i++)
            g_string_append(xml, "<record>");
        for (guint i = 1; i < depth; i++)
            g_string_append(xml, "</record>");
        g_string_append(xml, "</feedback>");
        if (depth > DMARC_REPORT_DEPTH_MAX)
            assert_refused(xml->str, -1, "elements nested too deep");
        else {
            struct dmarc_report *r = read_text(xml->str);
            assert_int_equal(r->rows->len, 1);
            dmarc_report_free(&r);
        }
        g_string_free(xml, TRUE);
    }
}

static void
test_counts(void **state)
{
    GString *xml = g_string_new("<feedback>");

    (void)state;
    for (guint i = 0; i <= DMARC_REPORT_ROWS_MAX; i++)
        g_string_append(xml, "<record><row><count>7</count></row></record>");
    g_string_append(xml, "<version>2</version></feedback>");
    struct dmarc_report *r = read_text(xml->str);
    assert_int_equal(r->rows->len, DMARC_REPORT_ROWS_MAX);
    assert_true(r->left_out);
    assert_string_equal(r->version, "2");
    dmarc_report_free(&r);
    g_string_assign(xml, "<feedback><record><auth_results>");
    for (guint i = 0; i < DMARC_REPORT_ITEMS_MAX; i++)
        g_string_append(xml, "<dkim/>");
    g_string_append(xml, "</auth_results></record></feedback>");
    r = read_text(xml->str);
    assert_int_equal(row(r, 0)->dkim_results->len, DMARC_REPORT_ITEMS_MAX - 1);
    assert_true(r->left_out);
    dmarc_report_free(&r);
    g_string_free(xml, TRUE);
}

static void
test_long_texts(void **state)
{
    g_autofree char *just = g_strnfill(DMARC_REPORT_TEXT_MAX, 'x'), *huge = g_strnfill(1 << 20, 'y');
    g_autofree char *xml =
        g_strdup_printf(HEAD "<version>%s</version><%s>z</%s><report_metadata><email>%s</email></report_metadata>"
                             "</feedback>",
                        just, huge, huge, huge);
    struct dmarc_report *r = read_text(xml);

    (void)state;
    assert_string_equal(r->version, just);
    assert_int_equal(strlen(r->email), DMARC_REPORT_TEXT_MAX);
    assert_true(g_str_has_suffix(r->email, "y..."));
    dmarc_report_free(&r);
}

/* A mail: the first attachment that is a report, whatever type it is said to have. */
static void
test_mail(void **state)
{
    g_autoptr(GBytes) gz = gzip_of(HEAD "<version>7</version></feedback>", strlen(HEAD "<version>7</version></feedback>"));
    g_autofree char *base64 = g_base64_encode(g_bytes_get_data(gz, NULL), g_bytes_get_size(gz));
    g_autofree char *mail =
        g_strdup_printf("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
                        "<html>x</html>\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
                        "\r\n%s\r\n--b--\r\n",
                        base64);
    struct dmarc_report *r = read_text(mail);
    GString *many = g_string_new("Content-Type: multipart/mixed; boundary=b\r\n");

    (void)state;
    assert_string_equal(r->version, "7");
    dmarc_report_free(&r);
    g_autofree char *single =
        g_strdup_printf("Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n", base64);
    r = read_text(single);
    assert_string_equal(r->version, "7");
    dmarc_report_free(&r);
    for (guint i = 0; i < DMARC_REPORT_ENTRIES_MAX; i++)
        g_string_append(many, "\r\n--b\r\nContent-Type: text/html\r\n\r\n<html>x</html>");
    g_string_append(many, "\r\n--b\r\nContent-Type: text/xml\r\n\r\n<feedback/>\r\n--b--\r\n");
    assert_refused(many->str, -1, "no aggregate report: the root is not feedback");
    g_string_free(many, TRUE);
}

/* ---- the corpus ---- */

static char *
corpus_folder(void)
{
    const char *corpus = g_getenv("POSTERN_CORPUS");

    return g_build_filename(corpus != NULL ? corpus : SOURCE_ROOT "/../shared/corpus", "auth-suites/parsedmarc/samples", NULL);
}

/* Reads one sample, writes it and reads it again. */
static void
check_sample(const char *path, struct dmarc_report **read)
{
    g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, NULL);
    g_autoptr(GBytes) bytes = g_mapped_file_get_bytes(file);
    const char *why = NULL;
    struct dmarc_report *report = dmarc_report_read(bytes, &why);

    if (report == NULL)
        fail_msg("%s: %s", path, why);
    assert_false(report->left_out);
    assert_true(report->rows->len > 0 && report->begin > 0 && report->end >= report->begin);
    assert_non_null(report->domain);
    assert_non_null(row(report, 0)->source_ip);
    assert_true(row(report, 0)->count > 0);
    g_autoptr(GPtrArray) files = dmarc_report_write(report, "r.example", 0, &why);
    struct dmarc_report *again = dmarc_report_read(((struct dmarc_report_file *)g_ptr_array_index(files, 0))->bytes, &why);
    g_autoptr(GString) first = dmarc_report_xml(report, 0, report->rows->len, "x");
    g_autoptr(GString) second = dmarc_report_xml(again, 0, again->rows->len, "x");
    assert_string_equal(first->str, second->str);
    dmarc_report_free(&again);
    *read = report;
}

static gboolean
has_corpus(void)
{
    g_autofree char *folder = corpus_folder();

    return g_file_test(folder, G_FILE_TEST_IS_DIR);
}

static void
read_corpus(void)
{
    static const struct {
        const char *name, *org_name, *domain;
        guint rows;
    } expected[] = {
        {"aggregate/_large-example.com_1711897200_1711983600.xml", NULL, "example.com", 2286},
        {"aggregate/fastmail.com_example.com_1516060800_1516147199_102675056.xml.gz", NULL, NULL, 0},
        {"aggregate/estadocuenta1.infonacot.gob.mx_example.com_1536853302_1536939702_2940.xml.zip", NULL, "example.com", 1},
        {"aggregate/twilight.eml", "google.com", NULL, 0},
        {"aggregate/rfc9990-sample.xml", "Sample Reporter", "example.com", 1},
        {"extract_report/changed-input.xml", "fred.com", "example.com", 0},
    };
    g_autofree char *folder = corpus_folder(), *aggregate = g_build_filename(folder, "aggregate", NULL);
    GDir *dir = g_dir_open(aggregate, 0, NULL);
    guint n = 0;

    assert_non_null(dir);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir), n++) {
        g_autofree char *path = g_build_filename(aggregate, name, NULL);
        struct dmarc_report *report;

        check_sample(path, &report);
        dmarc_report_free(&report);
    }
    g_dir_close(dir);
    assert_true(n >= 10);
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_autofree char *path = g_build_filename(folder, expected[i].name, NULL);
        struct dmarc_report *report;

        check_sample(path, &report);
        if (expected[i].org_name != NULL)
            assert_string_equal(report->org_name, expected[i].org_name);
        if (expected[i].domain != NULL)
            assert_string_equal(report->domain, expected[i].domain);
        if (expected[i].rows != 0)
            assert_int_equal(report->rows->len, expected[i].rows);
        dmarc_report_free(&report);
    }
}

static void
test_corpus(void **state)
{
    (void)state;
    if (!has_corpus()) {
        print_message("no corpus beside the tree: skipped (set POSTERN_CORPUS)\n");
        skip(); /* leaves by a jump: nothing may be held here */
    }
    read_corpus();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xml),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_what_others_write),
        cmocka_unit_test(test_charsets),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_entities),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_corpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
