/* fuzz_control.c: any bytes as a line on the control socket, and as the answer that comes back. */
#include <string.h>
#include "lib/base/control.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static gboolean
echo(const char *args, GString *answer, gpointer data)
{
    (void)data;
    g_string_append(answer, args);
    return strlen(args) % 2 == 0;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static const struct control_command commands[] = {
        {"reload", "load the configuration again", echo}, {"stop", "end", echo}, {NULL, NULL, NULL}};
    g_autofree char *request = g_strndup((const char *)data, size), *exact = g_strdup(request);
    g_autoptr(GString) line = g_string_new(NULL), answer = g_string_new(NULL), other = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    gboolean ok = control_answer(commands, NULL, exact, line);
    if (memchr(line->str, '\n', line->len) != line->str + line->len - 1)
        g_error("an answer is not one line: %s", line->str);
    g_string_truncate(line, line->len - 1);
    if (control_understand(line->str, answer, &error) != ok)
        g_error("the client takes \"%s\" for something else", line->str);
    control_understand(request, other, NULL);
    return 0;
}
