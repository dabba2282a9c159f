/* module.c: the table of modules. The order here is the order in which they run, whatever the order in the
 * configuration: a signature made before a tag would be broken, so order is not a matter of taste. */
#include "milters/module.h"

const struct milter_module *const milter_modules[] = {&auth_module, &spam_module, &sign_module,
                                                     &archive_module, &envelope_module, NULL};

G_DEFINE_QUARK(postern-milter-error-quark, milter_error)

gboolean
milter_modules_select(char *const *names, guint *selected_r, GError **error)
{
    guint selected = 0;

    for (; *names != NULL; names++) {
        guint i = 0;

        while (milter_modules[i] != NULL && g_strcmp0(milter_modules[i]->name, *names) != 0)
            i++;
        if (milter_modules[i] == NULL) {
            g_autoptr(GString) known = g_string_new(NULL);

            for (i = 0; milter_modules[i] != NULL; i++)
                g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", milter_modules[i]->name);
            g_set_error(error, MILTER_ERROR, 0, "milter.modules: there is no module \"%s\"; known: %s",
                        *names, known->str);
            return FALSE;
        }
        selected |= 1u << i;
    }
    *selected_r = selected;
    return TRUE;
}
