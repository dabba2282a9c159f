"""Configurations and messages of the stage "lists" (spam_lists.py)."""
import base64
import hashlib
import re

PLUGINS = "".join(f"loadplugin Mail::SpamAssassin::Plugin::{name}\n" for name in (
    "Check", "WLBLEval", "WelcomeListSubject", "FreeMail", "VBounce", "MIMEHeader", "URIDetail", "URIEval", "MIMEEval", "ImageInfo", "AntiVirus",
    "FromNameSpoof", "Phishing", "PDFInfo"))

FEEDS = {
    "openphish": "# comment\nhttp://www.example.com/a\nhttps://bad.example.net/x?y=1\nnothing\n  # other\nhttp://10.1.2.3/login\n",
    "phishtank": "id,url,rest\n1,\"http://bad.example.org/p/q/r?z=1\",x\n2\n# 3,http://www.example.com/no,x\n4,http://a.co.uk/b/c/d/,y\n",
    "phishstats": "#c\n\"2020\",\"9.1\",\"http://worse.example.info/\",\"1.2.3.4\"\n\"2020\",\"2.0\",\"http://mild.example.info/\",\"1.2.3.4\"\nx,y\n",
}

LISTS = r"""
trusted_networks 10.0.0.0/8 192.168.1.
welcomelist_from *@listed.example.com friend@*.org ?b@x.com news*@* "quoted"@x.com
whitelist_from Upper@Case.COM a.b+c@d.net
unwelcomelist_from gone@listed.example.com
welcomelist_from gone2@x.com
unwhitelist_from gone2@x.com
blocklist_from *spam*@* bad@?????.com *@*.invalid *
unblocklist_from *
blacklist_from *.hu *@*.cn b(d@x.com b\d@x.com
welcomelist_to me@x.com *@to.example.com list-*@*
blocklist_to you@x.com *@*.biz
blacklist_to undisclosed*
more_spam_to me@x.com *@y.*
all_spam_to *@all.example.com zzzz* *root*
welcomelist_from_rcvd *@rcvd.example.com example.com
welcomelist_from_rcvd *@rcvd.example.com good.example.net
welcomelist_from_rcvd joe@* [1.2.3.4]
welcomelist_from_rcvd jane@* [5.6.7]
welcomelist_from_rcvd jill@* [5.6.]
welcomelist_from_rcvd jack@* [5.6.7.0]/24
welcomelist_from_rcvd june@* [5.6.7.0/25]
welcomelist_from_rcvd six@* [2001:db8::]/32
welcomelist_from_rcvd seven@* [2001:db8::1]
welcomelist_from_rcvd mapped@* [::ffff:5.6.7.8]
welcomelist_from_rcvd *@*.com *
whitelist_from_rcvd *@x.com x.com
welcomelist_from_rcvd never@x.com never.example
unwelcomelist_from_rcvd never@x.com *@*.com
def_welcomelist_from_rcvd *@def.example.com DEF.example.com
def_whitelist_from_rcvd *@x.com y.com
def_welcomelist_from_rcvd joe@* [1.2.3.5]
welcomelist_allows_relays *@forward.example.com any@*
whitelist_allows_relays mail*@x.com
enlist_addrlist (MINE) *@mine.example.com me@x.com *@gmail.com
enlist_addrlist (Empty) q@q
enlist_uri_host (MINE) example.com !www.example.com 1.2.3.4 com.tw ::1 co.uk a.b.c.d.e.f.g.h.i.j.k.l.org
enlist_uri_host (OTHER) net !example.net org
delist_uri_host (OTHER) org
enlist_uri_host (GONE) com
delist_uri_host com
blocklist_uri_host bad.example.org cn !good.cn
blacklist_uri_host hu
welcomelist_uri_host gov example.org !bad.example.org
whitelist_uri_host edu
welcomelist_subject [Bug *]
whitelist_subject hello?world
blocklist_subject Make Money
blacklist_subject re: *(now)*\x
blocklist_subject zz*top
welcomelist_bounce_relays mail*.example.com relay.example.org
whitelist_bounce_relays *.bounce.example.net

header FROM_BL eval:check_from_in_blocklist()
header FROM_BL2 eval:check_from_in_blacklist()
header TO_BL eval:check_to_in_blocklist()
header TO_BL2 eval:check_to_in_blacklist()
header TO_WL eval:check_to_in_welcomelist()
header TO_WL2 eval:check_to_in_whitelist()
header TO_MORE eval:check_to_in_more_spam()
header TO_ALL eval:check_to_in_all_spam()
header FROM_LIST eval:check_from_in_list('MINE')
header FROM_LIST2 eval:check_from_in_list('welcomelist_to')
header FROM_LIST3 eval:check_from_in_list('NOWHERE')
header TO_LIST eval:check_to_in_list('MINE')
header REPLY_LIST eval:check_replyto_in_list('MINE')
header REPLY_LIST2 eval:check_replyto_in_list('blocklist_from')
header FROM_WL eval:check_from_in_welcomelist()
header FROM_WL2 eval:check_from_in_whitelist()
header FORGED_WL eval:check_forged_in_welcomelist()
header FORGED_WL2 eval:check_forged_in_whitelist()
header FROM_DEF eval:check_from_in_default_welcomelist()
header FROM_DEF2 eval:check_from_in_default_whitelist()
header FORGED_DEF eval:check_forged_in_default_welcomelist()
header FORGED_DEF2 eval:check_forged_in_default_whitelist()
header RCVD_MATCH eval:check_mailfrom_matches_rcvd()
header URI_MINE eval:check_uri_host_listed('MINE')
header URI_OTHER eval:check_uri_host_listed('OTHER')
header URI_GONE eval:check_uri_host_listed('GONE')
header URI_NO eval:check_uri_host_listed('NOWHERE')
header URI_BL eval:check_uri_host_in_blocklist()
body URI_BL2 eval:check_uri_host_in_blacklist()
header URI_WL eval:check_uri_host_in_welcomelist()
header URI_WL2 eval:check_uri_host_in_whitelist()
header SUBJ_WL eval:check_subject_in_welcomelist()
header SUBJ_WL2 eval:check_subject_in_whitelist()
header SUBJ_BL eval:check_subject_in_blocklist()
header SUBJ_BL2 eval:check_subject_in_blacklist()
body BOUNCE_HAVE eval:have_any_bounce_relays()
body BOUNCE eval:check_welcomelist_bounce_relays()
body BOUNCE2 eval:check_whitelist_bounce_relays()
"""

# The lists as wide as the corpus' messages need them, and none of some kinds.
WIDE = r"""
welcomelist_from *@*.com
blocklist_from *@*.net *@*.tw
welcomelist_to *a*@* ??????@*
more_spam_to *@*.org
welcomelist_from_rcvd *@* com
welcomelist_from_rcvd *@* [6]
def_welcomelist_from_rcvd *@* net
def_welcomelist_from_rcvd *.tw [64.0.0.0]/4
welcomelist_allows_relays *@*.org
enlist_uri_host (MINE) com !yahoo.com
enlist_uri_host (OTHER) net org tw
welcomelist_subject re:
blocklist_subject *!
blocklist_subject ?
header FROM_BL eval:check_from_in_blocklist()
header TO_BL eval:check_to_in_blocklist()
header TO_WL eval:check_to_in_welcomelist()
header TO_MORE eval:check_to_in_more_spam()
header FROM_WL eval:check_from_in_welcomelist()
header FORGED_WL eval:check_forged_in_welcomelist()
header FROM_DEF eval:check_from_in_default_welcomelist()
header FORGED_DEF eval:check_forged_in_default_welcomelist()
header FROM_SUBJ eval:check_from_in_list('welcomelist_allows_relays')
header URI_MINE eval:check_uri_host_listed('MINE')
header URI_OTHER eval:check_uri_host_listed('OTHER')
header SUBJ_WL eval:check_subject_in_welcomelist()
header SUBJ_BL eval:check_subject_in_blocklist()
body BOUNCE_HAVE eval:have_any_bounce_relays()
body BOUNCE eval:check_welcomelist_bounce_relays()
"""

# What body rules see, which FreeMail changes.
BODIES = r"""
body B_AT /\w@\w/
tflags B_AT multiple
body B_LINK /https?:/
tflags B_LINK multiple
body B_WROTE / wrote:/
body B_BLANKS /  /
tflags B_BLANKS multiple
"""

FREEMAIL = r"""
freemail_domains gmail.com yahoo.* yahoo.co*.* Hotmail.com *.free.fr mail?.com net *.org.*
freemail_domains qq.com 163.com hinet.net aol.com mail.ru bad/domain
freemail_welcomelist trusted@gmail.com hotmail.com bad
freemail_whitelist q@q.com qq.com
header FM_FROM eval:check_freemail_from()
header FM_REPLYTO eval:check_freemail_replyto('replyto')
header FM_REPLYTO0 eval:check_freemail_replyto()
header FM_REPLY eval:check_freemail_replyto('reply')
header FM_OTHER eval:check_freemail_replyto('nonsense')
header FM_HDR eval:check_freemail_header('Reply-To')
header FM_HDR2 eval:check_freemail_header('EnvelopeFrom')
header FM_HDR3 eval:check_freemail_header('Subject')
header FM_HDR4 eval:check_freemail_header('To')
header FM_BODY eval:check_freemail_body()
""" + BODIES

# One pattern for each function: SpamAssassin's /o makes the first one count for all.
PATTERNS = r"""
freemail_domains gmail.com yahoo.com yahoo.com.tw hotmail.com qq.com 163.com hinet.net aol.com net
freemail_max_body_emails 12
freemail_max_body_freemails 6
header FM_FROM eval:check_freemail_from('\d@')
header FM_FROM_BAD eval:check_freemail_from('(')
header FM_HDR eval:check_freemail_header('Reply-To', '^[a-m].*@(?:gmail|yahoo)')
header FM_BODY eval:check_freemail_body('(?i)^[A-M]')
header FM_REPLYTO eval:check_freemail_replyto('replyto')
""" + BODIES

OPEN = r"""
freemail_domains gmail.com yahoo.com hotmail.com net tw com
freemail_max_body_emails 2
freemail_max_body_freemails 1
freemail_skip_when_over_max 0
freemail_skip_bulk_envfrom 0
freemail_import_welcomelist_auth 1
freemail_import_def_welcomelist_auth 0
welcomelist_auth *@gmail.com
def_welcomelist_auth *
header FM_FROM eval:check_freemail_from()
header FM_REPLYTO eval:check_freemail_replyto('replyto')
header FM_REPLY eval:check_freemail_replyto('reply')
""" + BODIES

# No domains: the plugin is off. The other list of imports stands here, too.
OFF = "header FM_FROM eval:check_freemail_from()\nheader FM_BODY eval:check_freemail_body()\nheader FM_REPLY eval:check_freemail_replyto('reply')\n"
IMPORTED = r"""
freemail_domains gmail.com yahoo.com com net
freemail_import_def_welcomelist_auth 1
def_welcomelist_auth *@*.net
freemail_max_body_emails 0
freemail_max_body_freemails 0
header FM_FROM eval:check_freemail_from()
header FM_BODY eval:check_freemail_body()
"""

PARTS = r"""
mimeheader MH_CT Content-Type =~ /text\/plain/i
mimeheader MH_RAW Content-Type:raw =~ /;\n\s+\w+=/
mimeheader MH_NOT Content-Type !~ /text/
mimeheader MH_NONE X-None =~ /^none$/ [if-unset: none]
mimeheader MH_NONE_RAW X-None:raw =~ /^$/
mimeheader MH_ALL ALL =~ /Content-Type: .*\n.*Content-Transfer/is
mimeheader MH_ALL_RAW ALL:raw =~ /boundary= ?"/
mimeheader MH_MULTI Content-Type =~ /[a-z]/
tflags MH_MULTI multiple
mimeheader MH_MAX Content-Type =~ /[a-z]/
tflags MH_MAX multiple maxhits=3
mimeheader MH_R1 Content-Type =~ /./
tflags MH_R1 range=1
mimeheader MH_R2 Content-Type =~ /html/
tflags MH_R2 range=2-
mimeheader MH_R3 Content-Type =~ /html/
tflags MH_R3 range=-2
mimeheader MH_R4 Content-Type =~ /text/
tflags MH_R4 range=2-3
mimeheader MH_CAT Content-Type =~ /plain.*html/s
tflags MH_CAT concat
mimeheader MH_CAT_M Content-Type =~ /^\w+\/(?:\w+)/m
tflags MH_CAT_M concat multiple range=2-
mimeheader MH_CD Content-Disposition =~ /filename="?[^"]+\.(?:pdf|gif|jpg|doc)/i
mimeheader MH_ID Content-ID:raw =~ /^ <.+>\n?$/
mimeheader MH_NAME content-transfer-encoding =~ /^base64$/
mimeheader MH_EMPTY Content-Type =~ /^$/
mimeheader MH_EMPTY_RAW Content-Type:raw =~ /^$/
uri_detail UD_RAW raw =~ /^https?:\/\/[^\/]+\/$/
uri_detail UD_TWO text =~ /click/i cleaned =~ /\.com/
uri_detail UD_TYPE type =~ /^a$/ domain !~ /\.com$/
uri_detail UD_HOST host =~ /^www\./ type =~ /^img$/
uri_detail UD_FAKE text =~ /\bhttps:/ cleaned !~ /\bhttps:/
uri_detail UD_BARE type =~ m!^(?:schemeless|parsed)$! raw !~ /^mailto:/
uri_detail UD_LONG domain =~ /^[^.]{10,}\./ host !~ /^www/
uri_detail UD_MAIL raw =~ /^mailto:/ type =~ /^parsed$/
uri_detail UD_X raw =~ /%[0-9a-f]{2}/i
body EXE eval:check_microsoft_executable()
body NAME eval:check_suspect_name()
body IMG eval:image_name_regex('^\w+\d+\.(?i:gif|jpe?g|png)$')
body IMG2 eval:image_named('image001.gif')
body FLAG1 eval:check_msg_parse_flags('missing_mime_headers')
header FLAG2 eval:check_msg_parse_flags('missing_head_body_separator')
header FLAG3 eval:check_msg_parse_flags('mime_epilogue_exists')
header FLAG4 eval:check_msg_parse_flags('truncated_header')
header FLAG5 eval:check_msg_parse_flags('missing_mime_head_body_separator')
body TRUNC eval:check_uri_truncated()
"""

SPOOF = r"""
fns_add_addrlist (PayPal) *@paypal.com *@paypal.co.uk service@*.paypal-mail.com
fns_add_addrlist (mine) *@x.com boss@*
fns_remove_addrlist (mine) boss@*
fns_extrachars 30
fns_ignore_headers List-Id X-Ignore
fns_ignore_dkim example.com
header FNS_SPOOF eval:check_fromname_spoof()
header FNS_SPOOF0 eval:check_fromname_spoof('0')
header FNS_SPOOF1 eval:check_fromname_spoof(1)
header FNS_SPOOF2 eval:check_fromname_spoof('2')
header FNS_SPOOF3 eval:check_fromname_spoof('3')
header FNS_DIFF eval:check_fromname_different()
header FNS_DOMAIN eval:check_fromname_domain_differ()
header FNS_OWNER eval:check_fromname_owners_differ()
header FNS_EMAIL eval:check_fromname_contains_email()
header FNS_TO eval:check_fromname_equals_to()
header FNS_REPLYTO eval:check_fromname_equals_replyto()
phishing_openphish_feed @SITE@/openphish
phishing_phishtank_feed @SITE@/phishtank
phishing_phishstats_feed @SITE@/phishstats
body PHISH eval:check_phishing()
"""
SPOOF2 = SPOOF.replace("fns_extrachars 30", "fns_check 2") + "phishing_uri_noparam 1\nphishing_phishstats_minscore 1\n"

PDF = r"""
body PDF_COUNT eval:pdf_count(1)
body PDF_COUNT2 eval:pdf_count(1, 1)
body PDF_COUNT0 eval:pdf_count(0, 0)
body PDF_IMAGES eval:pdf_image_count(1)
body PDF_IMAGES2 eval:pdf_image_count(2, 4)
body PDF_PIXELS eval:pdf_pixel_coverage(1000)
body PDF_PIXELS2 eval:pdf_pixel_coverage(0, 300000)
body PDF_EXACT eval:pdf_image_size_exact(149, 630)
body PDF_EXACT2 eval:pdf_image_size_exact(300, 400)
body PDF_RANGE eval:pdf_image_size_range(100, 100)
body PDF_RANGE2 eval:pdf_image_size_range(100, 100, 400, 400)
body PDF_RANGE3 eval:pdf_image_size_range(100, 100, 4000)
body PDF_NAMED eval:pdf_named('invoice.pdf')
body PDF_NAME_RE eval:pdf_name_regex('/^in.*\.pdf$/i')
body PDF_NAME_RE2 eval:pdf_name_regex('\.fdf$')
body PDF_RATIO eval:pdf_image_to_text_ratio(0.0, 0.01)
rawbody PDF_RATIO2 eval:pdf_image_to_text_ratio(0.0, 0.1)
body PDF_MD5 eval:pdf_match_md5('C359F8F89B290DA99DC997ED50B4C5EC')
body PDF_FUZZY eval:pdf_match_fuzzy_md5('d41d8cd98f00b204e9800998ecf8427e')
body PDF_FUZZY2 eval:pdf_match_fuzzy_md5('@FUZZY@')
body PDF_AUTHOR eval:pdf_match_details('author', '/^[a-z]/i')
body PDF_CREATOR eval:pdf_match_details('creator', 'Adobe|Word')
body PDF_PRODUCER eval:pdf_match_details('producer', 'm!8\.15$!')
body PDF_TITLE eval:pdf_match_details('title', '/Foo|^T/')
body PDF_CREATED eval:pdf_match_details('created', '/^2007/')
body PDF_MODIFIED eval:pdf_match_details('modified', '/1$/')
body PDF_OTHER eval:pdf_match_details('nothing', '/./')
body PDF_ENCRYPTED eval:pdf_is_encrypted()
body PDF_EMPTY eval:pdf_is_empty_body()
body PDF_EMPTY2 eval:pdf_is_empty_body(100)
uri PDF_URI /pdf-link/
uri_detail PDF_URI2 raw =~ /pdf-link/
"""

CONFIGURATIONS = {"lists": LISTS, "wide": WIDE, "freemail": FREEMAIL, "patterns": PATTERNS, "open": OPEN, "off": OFF, "imported": IMPORTED,
                  "parts": PARTS, "spoof": SPOOF, "spoof2": SPOOF2, "pdf": PDF}


def rules():
    return re.findall(r"^(?:header|body|rawbody|full|uri|uri_detail|mimeheader) +(\w+)", "\n".join(CONFIGURATIONS.values()), re.M)


# ---- messages ----

ADDRESSES = ["a@listed.example.com", "friend@x.org", "friend@sub.y.org", "ab@x.com", "newsletter@q.de", "upper@case.com", "UPPER@CASE.com", "a.b+c@d.net", "gone@listed.example.com",
             "gone2@x.com", "the.spammer@x.de", "bad@12345.com", "x@y.invalid", "x@y.hu", "x@y.cn", "b(d@x.com", "me@x.com", "you@x.com", "q@to.example.com", "list-a@b",
             "z@shop.biz", "undisclosed", "m@y.com", "q@all.example.com", "zzzz@x", "u@rcvd.example.com", "joe@a.com", "jane@a.com", "jill@a.com", "jack@a.com", "june@a.com",
             "six@a.com", "seven@a.com", "mapped@a.com", "never@x.com", "u@def.example.com", "q@forward.example.com", "any@a.com", "mailer@x.com", "m@mine.example.com",
             "someone@gmail.com", "trusted@gmail.com", "other99@gmail.com", "x@yahoo.com", "x@yahoo.co.uk", "y@yahoo.com.tw", "h@hotmail.com", "u@a.free.fr", "u@mail1.com",
             "info@gmail.com", "request-0123456789abcdef@gmail.com", "a=b=c@gmail.com", "01234567.89abcdef@gmail.com", "undisclosed-x@yahoo.com", "q@q.com", "u@qq.com", "1@163.com",
             "service@paypal.com", "a@b@gmail.com", "a..b@gmail.com", "a@gmail..com", "x@y.org.tw", "", "0", "boss@z.com", "root@localhost"]
SENDERS = ["", "bounce-x@a.com", "list-owner@x.com", "noreply@x.com", "do-not-reply@x.com", "do_no.replies@y.com", "postmaster@x.com", "SRS0=a=b@x.com", "sentto-1-2@x.com",
           "return-1@gmail.com", "grbounced-2@x.com", "x-request@y.org", "canoreply@x.com", "double-bounce@x.com"]
HOSTS = ["www.example.com", "example.com", "a.example.com", "bad.example.org", "good.cn", "x.cn", "y.hu", "www.gov", "mit.edu", "1.2.3.4", "example.net", "b.example.net", "x.com.tw",
         "foo.co.uk", "a.b.c.d.e.f.g.h.i.j.k.l.org", "z.a.b.c.d.e.f.g.h.i.j.k.l.org", "bad.example.net", "10.1.2.3", "a.co.uk", "worse.example.info", "mild.example.info"]
PHISHED = ["www.example.com/a", "bad.example.net/x?y=1", "10.1.2.3/login", "bad.example.org/p/q/r?z=1", "bad.example.org/p/q/r", "a.co.uk/b/c/d/", "a.co.uk/b/c/d/?q",
           "worse.example.info/", "mild.example.info/"]
PATHS = ["", "/", "/a", "/x?y=1", "/p/q/r?z=1", "/login", "/b/c/d/", "/x?u=a@b.com", "/%41%40c.com"]
SUBJECTS = ["[Bug 12] x", "hello world", "Hello-World and", "make money fast", "Re: do it (now)\\x", "ZZ Top", "x@gmail.com, y@hotmail.com", "", "?", "nothing!", "a", "=?utf-8?q?zz=0Atop?="]
NAMES = ["Joe", "\"joe@x.com\"", "\"service@paypal.com\"", "\"Some One <other@x.co.uk>\"", "\"boss@z.com via list\"", "\"'me@x.com'\"", "\"a.b.c@sub.paypal.co.uk\"",
         "\"x@y.notatld\"", "\"@@@ ---a@b.com-\"", "\"" + "long name " * 6 + "ceo@example.com\"", "=?utf-8?q?caf=C3=A9_x=40gmail.com?=", "\"a@b@c.com\"", "\"_x@y.com.\"", "\"x@y_z.com\""]
RECEIVED = ["from {h} ({h} [{ip}]) by mx.x.com (Postfix) with ESMTP id 1 for <{a}>; Mon, 1 Jan 2024 10:00:00 +0000",
            "from {h} ({h} [{ip}]) by mx.x.com (8.1/8.1) with ESMTP id 2 for {a}; Mon, 1 Jan 2024 10:00:00 +0000",
            "from x (unknown [{ip}]) by mx.x.com (Postfix) with SMTP id 3; Mon, 1 Jan 2024 10:00:00 +0000",
            "from {h} ({h} [10.0.0.1]) by in.x.com (Postfix) with ESMTP id 4 for <@{a}>; Mon, 1 Jan 2024 10:00:00 +0000",
            "from localhost by mx for <<{a}> ; x", "nothing", "by x.com (Postfix, from userid 0) id 5 for a@b.com>;; x"]
IPS = ["1.2.3.4", "1.2.3.5", "5.6.7.8", "5.6.7.200", "5.6.8.1", "2001:db8::1", "2001:db8:1::2", "10.1.2.3", "192.168.1.7", "64.1.2.3", "6.1.1.1"]
RDNS = ["mail.example.com", "x.good.example.net", "example.com", "notexample.com", "relay.x.com", "y.com", "a.DEF.example.com", "never.example"]
QUOTES = ["On Monday <{a}> wrote:", "{a} wrote:", "mailto:{a} x", "mailto:{a}> x", "fax {a} fax:", "{a}  email:", "{a} e-mail:", "{a} facsimile:", "{a} schrieb:", "{a} x:", "{a} abcdefghijkl:",
          "{a}>", "<{a}", "see {a}.", "({a})", "{a}, {b}", "{a}.x", "{a}-", "{a}..", "..{a}", "x.{a}", "{a}:", "!{a}", "https://h.example/?m={a}&x", "<http://h.example/x%40y {a}",
          "http://" + "x" * 260 + "@y {a}", "{a}\u00e9", "\u00e9{a}", "x" * 70 + ".{a}", "x" * 70 + "{a}", "{a}.com.", "a@b.c.d.e.{b}", "mailto:x.{a}> y"]
PDF_LINES = ["%PDF-1.4", "1 0 obj", "<</Producer(GPL Ghostscript 8.15)", "/CreationDate(D:20070703144220)", "/ModDate(D:20070703144221)", "/Title(Microsoft Word - Document1)",
             "/Title(Foo \\(bar\\))", "/Creator(PScript5.dll Adobe)", "/Author(colet)>>endobj", "/Author<FEFF005700720069007400650072>", "/Creator <57 6f 72 64>", "/Author(\\376\\377\\000H\\000P)",
             "<</Type/XObject/Subtype/Image", "/Width 630", "/Height 149", "630 0 0 149 0 0 cm", "/Width 400/Height 300", "/Encrypt 5 0 R", "stream", "endstream", "/URI(http://pdf-link.example.com/a)",
             "/S /URI /URI (http://pdf-link.example.org/b)", "/A<</S/URI/URI(http://pdf-link.example.net/c)>>", "(https://pdf-link.example.info/d)>>", "/URI(nothing)", "/URI <687474703a2f2f7064662d6c696e6b2e636f6d>",
             "/MediaBox [0 0 1 1]", "  /URI(x.y)", "/Title()", "/Title(a\\)", "/Producer  (a\\\\)", "x /Foo", "\xff\xfe\x00", "400 0 0 300 1 1 cm", "/Image 5", "trailer  ", "%%EOF"]
TYPES = ["text/plain", "text/html", "application/pdf", "application/octet-stream", "image/gif", "image/pdf", "message/rfc822", "application/x-msword", "text/x-vcard", "message/delivery-status", ""]
FILES = ["", "invoice.pdf", "form.fdf", "x.exe", "image001.gif", "a.doc", "b.txt", "c.vcf", "d.jpg", "e.HTML", "f.scr", "g.xls", "h.ppt", "0", "i.pdf.exe", "photo12.JPG"]


GIF = b"GIF89a" + bytes([44, 1, 44, 1, 0, 0, 0]) + bytes(20)
KNOWN_PDF = b"%PDF-1.4\n/Type /Catalog\n/Author(x)\nstream\n"
CONFIGURATIONS["pdf"] = (PDF.replace("C359F8F89B290DA99DC997ED50B4C5EC", hashlib.md5(KNOWN_PDF).hexdigest())
                         .replace("d41d8cd98f00b204e9800998ecf8427e", hashlib.md5(b"/Type /Catalog/Author(x)stream").hexdigest())
                         .replace("@FUZZY@", hashlib.md5(b"TypeAuthor").hexdigest().upper()))


def address(rng):
    return rng.choice(ADDRESSES)


def mailbox(rng):
    plain = address(rng)
    return rng.choice([plain, f"<{plain}>", f"{rng.choice(NAMES)} <{plain}>", f"\"{address(rng)}\" <{plain}>", f"{plain} (comment x@y.com)", f"{plain}, {address(rng)}"])


def received(rng):
    return rng.choice(RECEIVED).format(h=rng.choice(RDNS), ip=rng.choice(IPS), a=address(rng))


def text(rng):
    out = []
    for _ in range(rng.choice([0, 1, 2, 4, 8])):
        out.append(rng.choice(QUOTES).format(a=address(rng), b=address(rng)))
        if rng.random() < 0.3:
            out.append(rng.choice(["http://", "https://", "", "ftp://", "mailto:x@"]) + rng.choice(HOSTS) + rng.choice(PATHS))
        if rng.random() < 0.15:
            out.append(rng.choice(["> ", "", ">> "]) + "Received: by " + rng.choice(["mail1.example.com", "relay.example.org.x", "a.bounce.example.net", "RELAY.example.org", "other.example"])
                       + rng.choice([" (Postfix)", "", "\n  from x.y.z with  mail2.example.com id", " mail3.example.com mail4.example.com "]))
        out.append(rng.choice(["", "", "\n"]))
    return "\n".join(out)


def html(rng):
    links = "".join(f'<a href="{rng.choice(["http://", "https://", "mailto:", "MAILTO:"])}{rng.choice([rng.choice(HOSTS) + rng.choice(PATHS), rng.choice(PHISHED), address(rng)])}">'
                    f'{rng.choice(["click here", "https://www.example.com/", "x", rng.choice(HOSTS)])}</a> ' for _ in range(rng.randint(0, 5)))
    if rng.random() < 0.05:
        links += '<a href="http://www.example.com/' + "x" * 9000 + '">x</a>'
    return f"<html><body>{links}<img src=\"http://www.example.com/i.gif\"><p>{text(rng)}</body></html>"


def pdf(rng):
    if rng.random() < 0.1:
        return KNOWN_PDF
    lines = [rng.choice(PDF_LINES) for _ in range(rng.randint(2, 60))]
    if rng.random() < 0.8:
        lines.insert(0, "%PDF-1." + rng.choice("3456x"))
    return rng.choice(["", "", "\ufeff", "x" * 1020]).encode() + rng.choice(["\n", "\n", "\r\n", "\n\n"]).join(lines).encode("latin-1")


def part(rng, depth):
    if depth > 0 and rng.random() < 0.4:
        boundary = f"b{rng.randrange(10**6)}"
        inner = b"".join(f"\n--{boundary}\n".encode() + part(rng, depth - 1) for _ in range(rng.randint(0, 3)))
        end = rng.choice([f"\n--{boundary}--\n", f"\n--{boundary}--\nepilogue\n", ""]).encode()
        return f'Content-Type: multipart/{rng.choice(["mixed", "alternative", "report"])};\n\tboundary="{boundary}"\n\n'.encode() + inner + end
    kind, name = rng.choice(TYPES), rng.choice(FILES)
    name = rng.choice(["image001.gif", "photo12.JPG", name]) if kind == "image/gif" else name
    data = (html(rng).encode() if kind == "text/html" else pdf(rng) if "pdf" in kind + name or rng.random() < 0.2 else
            (f"Received: {received(rng)}\n{text(rng)}".encode() if kind.startswith("message/") else text(rng).encode()))
    if kind == "image/gif":
        data = GIF
    elif rng.random() < 0.1:
        data = rng.choice([b"TVqQAAMAAAAEAAAA", b"M35J0``(``P``$``````````", b"\nM35GXX`XX`XXX````\n"]) + data
    head = f"Content-Type: {kind}" + (rng.choice([f'; name="{name}"', f";\n name={name}", ""]) if name else "") + "\n" if kind else ""
    if rng.random() < 0.3:
        head += f'Content-Disposition: attachment; filename="{name}"\n'
    if rng.random() < 0.2:
        head += rng.choice(["Content-ID: <x@y>\n", "X-None: none\n", "X-None:\n", "Content-ID:\t<a>\n <b>\n"])
    if (kind.startswith("image/") or kind.startswith("application/")) and rng.random() < 0.8:
        return head.encode() + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(data)
    return head.encode() + rng.choice([b"", b"Content-Transfer-Encoding: 8bit\n", b"Content-Transfer-Encoding: base64\n"]) + b"\n" + data


def message(rng):
    fields = [("Received", received(rng)) for _ in range(rng.randint(0, 4))]
    for name, chance, make in (("From", 0.9, mailbox), ("Reply-To", 0.4, mailbox), ("To", 0.8, mailbox), ("Cc", 0.3, mailbox), ("Resent-From", 0.1, mailbox), ("Resent-To", 0.1, mailbox),
                               ("Resent-Cc", 0.05, mailbox), ("Delivered-To", 0.2, address), ("X-Original-To", 0.1, address), ("Envelope-Sender", 0.1, mailbox), ("X-Envelope-From", 0.2, mailbox),
                               ("Resent-Sender", 0.1, mailbox), ("X-Rcpt-To", 0.1, mailbox), ("Apparently-To", 0.1, mailbox)):
        if rng.random() < chance:
            fields.append((name, make(rng)))
    if rng.random() < 0.1: # a name that is another's address, to which replies go
        other = address(rng)
        fields = [field for field in fields if field[0] not in ("From", "Reply-To")] + [("From", f'"{other}" <{address(rng)}>'), ("Reply-To", other)]
    if rng.random() < 0.6:
        fields.insert(rng.choice([0, 0, len(fields)]), ("Return-Path", f"<{rng.choice([rng.choice(SENDERS), address(rng)])}>"))
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        fields.append(("Subject", rng.choice(SUBJECTS)))
    if rng.random() < 0.1:
        fields.append((rng.choice(["List-Id", "X-Ignore"]), rng.choice(["x", "0", ""])))
    head = "".join(f"{name}: {value}\n" for name, value in fields).encode()
    return head + part(rng, 2)
