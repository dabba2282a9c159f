/* fuzz_spam_html.c: any bytes as an HTML part, as characters, bytes or bytes never decoded (first byte); each text is shown once. */
#include "lib/spam/view/html_view.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    struct html_view *view;
    gsize shown;
    double value;

    if (size == 0)
        return 0;
    view = html_view_new((struct spam_slice){(const char *)data + 1, size - 1, data[0] % 3 == 1}, data[0] % 3 == 2, size - 1);
    shown = spam_slice_chars(spam_string_slice(&view->visible)) + spam_slice_chars(spam_string_slice(&view->invisible));
    if (data[0] % 3 != 1 && shown != spam_slice_chars(spam_string_slice(&view->rendered)) && view->rendered.is_chars)
        g_error("%zu characters of the rendered text are visible or invisible", shown);
    html_results_get(&view->results, "ratio", &value);
    html_view_free(&view);
    return 0;
}
