/* template.h: the tags in report and header templates: _NAME_ and _NAME(argument)_, upper case, as SpamAssassin finds them. */
#pragma once
#include <glib.h>

#define TEMPLATE_MAX (4u << 20) /* bytes that a template may become; tags behind that vanish. SpamAssassin has no such limit. */

/* The tag's value (the caller frees it), or NULL when there is no such tag: then it stays as it is. argument NULL: without
 * brackets. */
typedef GString *(*template_value_fn)(gpointer data, const char *name, const char *argument);

/* Appends the template with its tags replaced. Values are not looked into. Thread-safe. */
void template_expand(GString *out, const char *text, gsize length, template_value_fn value, gpointer data);
