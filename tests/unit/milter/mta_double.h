/* mta_double.h: an MTA that writes down what it is told at the end of a message: one letter an operation, its arguments. */
#pragma once
#include <stdarg.h>
#include "milters/eom.h"

struct mta_double {
    GString *told; /* every operation, one letter and its arguments */
    gboolean refuses;
};

G_GNUC_PRINTF(2, 3) static gboolean
tell(struct mta_double *mta, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_string_append_vprintf(mta->told, format, arguments);
    va_end(arguments);
    return !mta->refuses;
}

static gboolean
add(gpointer mta, const char *name, const char *value)
{
    return tell(mta, "+%s=%s;", name, value);
}

static gboolean
insert(gpointer mta, int position, const char *name, const char *value)
{
    return tell(mta, "i%d %s=%s;", position, name, value);
}

static gboolean
change(gpointer mta, int nth, const char *name, const char *value)
{
    return tell(mta, "c%d %s=%s;", nth, name, value != NULL ? value : "(delete)");
}

static gboolean
replace(gpointer mta, GBytes *body)
{
    return tell(mta, "b%.*s;", (int)g_bytes_get_size(body), (const char *)g_bytes_get_data(body, NULL));
}

static gboolean
remove_recipient(gpointer mta, const char *argument)
{
    return tell(mta, "-%s;", argument);
}

static gboolean
reply(gpointer mta, const char *code, const char *enhanced, const char *text)
{
    return tell(mta, "y%s %s %s;", code, enhanced, text);
}

static const struct mta_ops ops = {add, insert, change, replace, remove_recipient, reply};
