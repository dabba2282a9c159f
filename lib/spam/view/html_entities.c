/* html_entities.c: named and numbered entities, decoded as HTML::Parser does. */
#include "lib/spam/view/html_entities.h"
#include <string.h>

/* Names by strcmp; those with a semicolon count only with it. The names and characters are HTML 4.01's. */
static const struct entity {
    char name[10];
    guint16 character;
} ENTITIES[] = {
    {"AElig", 198}, {"Aacute", 193}, {"Acirc", 194}, {"Agrave", 192}, {"Alpha;", 913}, {"Aring", 197},
    {"Atilde", 195}, {"Auml", 196}, {"Beta;", 914}, {"Ccedil", 199}, {"Chi;", 935}, {"Dagger;", 8225},
    {"Delta;", 916}, {"ETH", 208}, {"Eacute", 201}, {"Ecirc", 202}, {"Egrave", 200}, {"Epsilon;", 917}, {"Eta;", 919},
    {"Euml", 203}, {"Gamma;", 915}, {"Iacute", 205}, {"Icirc", 206}, {"Igrave", 204}, {"Iota;", 921}, {"Iuml", 207},
    {"Kappa;", 922}, {"Lambda;", 923}, {"Mu;", 924}, {"Ntilde", 209}, {"Nu;", 925}, {"OElig;", 338}, {"Oacute", 211},
    {"Ocirc", 212}, {"Ograve", 210}, {"Omega;", 937}, {"Omicron;", 927}, {"Oslash", 216}, {"Otilde", 213},
    {"Ouml", 214}, {"Phi;", 934}, {"Pi;", 928}, {"Prime;", 8243}, {"Psi;", 936}, {"Rho;", 929}, {"Scaron;", 352},
    {"Sigma;", 931}, {"THORN", 222}, {"Tau;", 932}, {"Theta;", 920}, {"Uacute", 218}, {"Ucirc", 219}, {"Ugrave", 217},
    {"Upsilon;", 933}, {"Uuml", 220}, {"Xi;", 926}, {"Yacute", 221}, {"Yuml;", 376}, {"Zeta;", 918}, {"aacute", 225},
    {"acirc", 226}, {"acute", 180}, {"aelig", 230}, {"agrave", 224}, {"alefsym;", 8501}, {"alpha;", 945}, {"amp", 38},
    {"and;", 8743}, {"ang;", 8736}, {"apos", 39}, {"aring", 229}, {"asymp;", 8776}, {"atilde", 227}, {"auml", 228},
    {"bdquo;", 8222}, {"beta;", 946}, {"brvbar", 166}, {"bull;", 8226}, {"cap;", 8745}, {"ccedil", 231},
    {"cedil", 184}, {"cent", 162}, {"chi;", 967}, {"circ;", 710}, {"clubs;", 9827}, {"cong;", 8773}, {"copy", 169},
    {"crarr;", 8629}, {"cup;", 8746}, {"curren", 164}, {"dArr;", 8659}, {"dagger;", 8224}, {"darr;", 8595},
    {"deg", 176}, {"delta;", 948}, {"diams;", 9830}, {"divide", 247}, {"eacute", 233}, {"ecirc", 234},
    {"egrave", 232}, {"empty;", 8709}, {"emsp;", 8195}, {"ensp;", 8194}, {"epsilon;", 949}, {"equiv;", 8801},
    {"eta;", 951}, {"eth", 240}, {"euml", 235}, {"euro;", 8364}, {"exist;", 8707}, {"fnof;", 402}, {"forall;", 8704},
    {"frac12", 189}, {"frac14", 188}, {"frac34", 190}, {"frasl;", 8260}, {"gamma;", 947}, {"ge;", 8805}, {"gt", 62},
    {"hArr;", 8660}, {"harr;", 8596}, {"hearts;", 9829}, {"hellip;", 8230}, {"iacute", 237}, {"icirc", 238},
    {"iexcl", 161}, {"igrave", 236}, {"image;", 8465}, {"infin;", 8734}, {"int;", 8747}, {"iota;", 953},
    {"iquest", 191}, {"isin;", 8712}, {"iuml", 239}, {"kappa;", 954}, {"lArr;", 8656}, {"lambda;", 955},
    {"lang;", 9001}, {"laquo", 171}, {"larr;", 8592}, {"lceil;", 8968}, {"ldquo;", 8220}, {"le;", 8804},
    {"lfloor;", 8970}, {"lowast;", 8727}, {"loz;", 9674}, {"lrm;", 8206}, {"lsaquo;", 8249}, {"lsquo;", 8216},
    {"lt", 60}, {"macr", 175}, {"mdash;", 8212}, {"micro", 181}, {"middot", 183}, {"minus;", 8722}, {"mu;", 956},
    {"nabla;", 8711}, {"nbsp", 160}, {"ndash;", 8211}, {"ne;", 8800}, {"ni;", 8715}, {"not", 172}, {"notin;", 8713},
    {"nsub;", 8836}, {"ntilde", 241}, {"nu;", 957}, {"oacute", 243}, {"ocirc", 244}, {"oelig;", 339}, {"ograve", 242},
    {"oline;", 8254}, {"omega;", 969}, {"omicron;", 959}, {"oplus;", 8853}, {"or;", 8744}, {"ordf", 170},
    {"ordm", 186}, {"oslash", 248}, {"otilde", 245}, {"otimes;", 8855}, {"ouml", 246}, {"para", 182}, {"part;", 8706},
    {"permil;", 8240}, {"perp;", 8869}, {"phi;", 966}, {"pi;", 960}, {"piv;", 982}, {"plusmn", 177}, {"pound", 163},
    {"prime;", 8242}, {"prod;", 8719}, {"prop;", 8733}, {"psi;", 968}, {"quot", 34}, {"rArr;", 8658},
    {"radic;", 8730}, {"rang;", 9002}, {"raquo", 187}, {"rarr;", 8594}, {"rceil;", 8969}, {"rdquo;", 8221},
    {"real;", 8476}, {"reg", 174}, {"rfloor;", 8971}, {"rho;", 961}, {"rlm;", 8207}, {"rsaquo;", 8250},
    {"rsquo;", 8217}, {"sbquo;", 8218}, {"scaron;", 353}, {"sdot;", 8901}, {"sect", 167}, {"shy", 173},
    {"sigma;", 963}, {"sigmaf;", 962}, {"sim;", 8764}, {"spades;", 9824}, {"sub;", 8834}, {"sube;", 8838},
    {"sum;", 8721}, {"sup1", 185}, {"sup2", 178}, {"sup3", 179}, {"sup;", 8835}, {"supe;", 8839}, {"szlig", 223},
    {"tau;", 964}, {"there4;", 8756}, {"theta;", 952}, {"thetasym;", 977}, {"thinsp;", 8201}, {"thorn", 254},
    {"tilde;", 732}, {"times", 215}, {"trade;", 8482}, {"uArr;", 8657}, {"uacute", 250}, {"uarr;", 8593},
    {"ucirc", 251}, {"ugrave", 249}, {"uml", 168}, {"upsih;", 978}, {"upsilon;", 965}, {"uuml", 252},
    {"weierp;", 8472}, {"xi;", 958}, {"yacute", 253}, {"yen", 165}, {"yuml", 255}, {"zeta;", 950}, {"zwj;", 8205},
    {"zwnj;", 8204},
};
#define NAME_MAX_LENGTH 9 /* the longest name, with its semicolon */
#define CODE_POINT_MAX 0x10ffff

struct decoder {
    struct spam_string *out;
    const char *p, *end;
    gboolean in_chars;
    guint32 high_surrogate; /* of the entity just before; 0 = none */
};

static int
entity_compare(const void *key, const void *entry)
{
    return strcmp(key, ((const struct entity *)entry)->name);
}

/* The character of a name of length bytes; 0 = no such name. */
static guint32
entity_find(const char *name, gsize length)
{
    char key[NAME_MAX_LENGTH + 1];
    const struct entity *found;

    if (length == 0 || length > NAME_MAX_LENGTH)
        return 0;
    memcpy(key, name, length);
    key[length] = '\0';
    found = bsearch(key, ENTITIES, G_N_ELEMENTS(ENTITIES), sizeof *ENTITIES, entity_compare);
    return found != NULL ? found->character : 0;
}

static void
put_source(struct decoder *d, const char *bytes, gsize length)
{
    spam_string_append(d->out, (struct spam_slice){bytes, length, d->in_chars});
}

static void
put_char(struct decoder *d, guint32 c)
{
    char utf8[6];

    if (c <= 0xff)
        spam_string_append(d->out, (struct spam_slice){(const char[]){(char)c}, 1, FALSE});
    else
        spam_string_append(d->out, (struct spam_slice){utf8, (gsize)g_unichar_to_utf8(c, utf8), TRUE});
}

/* Reads digits of base 10 or 16. FALSE: none, or above Unicode (the digits before that are passed all the same). */
static gboolean
number_read(struct decoder *d, guint base, guint32 *number)
{
    gboolean ok = FALSE;

    *number = 0;
    for (; d->p < d->end; d->p++) {
        int digit = base == 16 ? g_ascii_xdigit_value(*d->p) : g_ascii_digit_value(*d->p);

        if (base == 16 && *d->p == '\0')
            digit = 0; /* its search for a digit also finds the end of the list of digits */
        if (digit < 0)
            break;
        *number = *number * base + (guint32)digit;
        if (*number > CODE_POINT_MAX)
            return FALSE;
        ok = TRUE;
    }
    return ok && *number != 0;
}

/* What stands for the number in the output; surrogates pair up with the one before. 0 = nothing, it stays as written. */
static guint32
number_character(struct decoder *d, guint32 number)
{
    if (number <= 0xff && !d->out->is_chars)
        return number;
    if (number == 0xfffe || number == 0xffff)
        return 0;
    if ((number & 0xfffffc00) == 0xdc00) {
        if (d->high_surrogate == 0)
            return 0xfffd;
        g_string_truncate(d->out->text, d->out->text->len - MIN(d->out->text->len, 3)); /* the U+FFFD of the high one */
        number = ((d->high_surrogate - 0xd800) << 10) + (number - 0xdc00) + 0x10000;
        d->high_surrogate = 0;
        return number;
    }
    if ((number & 0xfffffc00) == 0xd800) {
        d->high_surrogate = number;
        return 0xfffd;
    }
    d->high_surrogate = 0;
    return (number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffe) == 0xfffe ? 0xfffd : number;
}

/* After "&": the character of the name there, d->p after it (without a semicolon); 0 = none, d->p after what looks like one. */
static guint32
name_read(struct decoder *d, gboolean expand_prefix)
{
    const char *name = d->p;
    guint32 c;

    while (d->p < d->end && (g_ascii_isalnum(*d->p) || *d->p == '_'))
        d->p++;
    c = entity_find(name, (gsize)(d->p - name));
    if (c == 0 && d->p > name && d->p < d->end && *d->p == ';')
        c = entity_find(name, (gsize)(d->p - name) + 1);
    if (c == 0 && expand_prefix) {
        for (gsize n = MIN((gsize)(d->p - name), NAME_MAX_LENGTH + 1); c == 0 && n > 1; n--)
            if ((c = entity_find(name, n - 1)) != 0)
                d->p = name + n - 1;
    }
    d->high_surrogate = 0;
    return c;
}

/* d->p is after "&". */
static void
entity_read(struct decoder *d, gboolean expand_prefix)
{
    const char *start = d->p;
    guint32 c = 0;

    if (d->p < d->end && *d->p == '#') {
        gboolean hex;
        guint32 number;

        d->p++;
        hex = d->p < d->end && (*d->p == 'x' || *d->p == 'X');
        d->p += hex;
        if (number_read(d, hex ? 16 : 10, &number))
            c = number_character(d, number);
    } else {
        c = name_read(d, expand_prefix);
    }
    if (c == 0) {
        put_source(d, start - 1, (gsize)(d->p - start) + 1);
        return;
    }
    if (d->p < d->end && *d->p == ';')
        d->p++;
    if (d->p >= d->end || *d->p != '&')
        d->high_surrogate = 0;
    put_char(d, c);
}

struct spam_string *
html_entities_decode(struct spam_slice text, gboolean expand_prefix, gboolean utf8_bytes)
{
    struct decoder d = {.p = text.data, .end = text.data + text.length, .in_chars = text.is_chars};

    if (!utf8_bytes && memchr(text.data, '&', text.length) == NULL)
        return spam_string_new(text); /* nothing to decode */
    if (utf8_bytes)
        d.in_chars = spam_utf8_valid(text.data, text.length);
    d.out = spam_string_new((struct spam_slice){"", 0, d.in_chars || utf8_bytes});
    while (d.p < d.end) {
        const char *amp = memchr(d.p, '&', (gsize)(d.end - d.p));

        put_source(&d, d.p, (gsize)((amp != NULL ? amp : d.end) - d.p));
        d.p = amp != NULL ? amp + 1 : d.end;
        if (amp != NULL)
            entity_read(&d, expand_prefix);
    }
    if (utf8_bytes)
        d.out->is_chars = FALSE;
    return d.out;
}
