/* headers.h: where the view's parts and the eval functions get header values from, so that they need not know
 * the message tree. */
#pragma once
#include <glib.h>

struct spam_headers {
    /* All values of what SpamAssassin calls a header: "Received", "From:addr", "Subject:raw", "ALL",
     * "MESSAGEID", "ToCc:addr", "EnvelopeFrom:addr" .. in the message's order, as its get() returns them in
     * list context (decoded values of whole headers end with a newline). GBytes *, owned by the message, good
     * as long as it; NULL or empty: there is none. */
    const GPtrArray *(*get)(gpointer message, const char *name);
    gpointer message;
    /* The values of "ALL" or "ALL:raw" as one text, owned by the message, too; NULL: there is none. No function: get's are put together. */
    GBytes *(*all)(gpointer message, gboolean raw);
};
