/* fuzz_postgrey_dump.c: any bytes as what db5.3_dump prints of postgrey's databases. */
#include <stdint.h>
#include <string.h>
#include "cli/postgrey_dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean
take(const struct postgrey_entry *entry, gpointer data)
{
    guint *n = data;

    if ((entry->sender == NULL) != (entry->recipient == NULL) || (entry->recipient != NULL && *entry->recipient == '\0'))
        g_error("half an entry");
    if (strlen(entry->client) >= POSTGREY_LINE_MAX)
        g_error("longer than its line");
    return ++*n < 1000;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *file = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "rb") : NULL;
    gboolean stopped;
    guint64 bad;
    guint n = 0;

    if (file == NULL)
        return 0;
    if (postgrey_dump_read(file, take, &n, &bad, &stopped) && stopped)
        g_error("whole, and broken off");
    if (stopped != (n >= 1000))
        g_error("broken off at another entry");
    fclose(file);
    return 0;
}
