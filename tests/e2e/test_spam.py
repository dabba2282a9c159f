"""The module spam in postern-milter: levels, X-Spam fields, subject tag, refusal, own mail, budgets, reload. With few rules of the
test's own; that all of SpamAssassin's hit as they should is test_spam_suites.py's."""
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from support.name_server import NameServer

RULES = r"""
loadplugin Mail::SpamAssassin::Plugin::Check
loadplugin Mail::SpamAssassin::Plugin::HeaderEval
loadplugin Mail::SpamAssassin::Plugin::RelayEval
required_score 5
report_safe 0
clear_report_template
report Points: _SCORE_
add_header spam Flag _YESNOCAPS_
add_header all Level _STARS(*)_
add_header all Status "_YESNO_, score=_SCORE_ required=_REQD_ tests=_TESTS_ autolearn=_AUTOLEARN_ version=_VERSION_"
body PILLS /cheap pills/i
describe PILLS Offers pills
score PILLS 6
body PILLS_MANY /pills pills pills/
score PILLS_MANY 4
body FRIENDLY /dear friend/i
score FRIENDLY 1.2
header FROM_CLIENT X-Spam-Relays-Untrusted =~ /^\[ ip=192\.0\.2\.7 rdns=client\.test helo=client\.test /
score FROM_CLIENT 0.1
header FROM_SENDER EnvelopeFrom =~ /^a\@elsewhere\.test$/
score FROM_SENDER 0.1
"""


def letter(body, subject="Hello", more=b""):
    return b"From: a@elsewhere.test\r\nTo: alice@example.test\r\n" + more + f"Subject: {subject}\r\n\r\n{body}\r\n".encode()


@pytest.fixture
def spam(milter):
    """A function that starts the milter with the rules and settings of the section spam."""
    rules = pathlib.Path(milter.directory, "rules")
    rules.mkdir()
    rules.chmod(0o755)
    (rules / "none").mkdir()

    def start(more="", **settings):
        (rules / "test.cf").write_text(RULES + more)
        milter.archive.start()
        milter.start(milter={"modules": "{spam, archive}"},
                     spam={"rules": str(rules), "site": str(rules / "none"), "cache": "", **settings})
        milter.rules = rules / "test.cf"
        return milter
    yield start


def inserted(answer):
    """Header fields that are added or changed, by name; several of a name are a fault here."""
    fields = {}
    for command, data in answer.edits:
        if command in ("i", "h", "m"):
            name, value = data[4 if command in ("i", "m") else 0:].split(b"\0")[:2]
            if command == "m" and not value:
                continue
            assert name.decode() not in fields
            fields[name.decode()] = value.decode().lstrip()
    return fields


def test_spam_is_told_in_fields(spam):
    milter = spam()
    answer = milter.send(letter("Cheap pills, dear friend"))
    assert answer.accepted
    fields = inserted(answer)
    assert fields["X-Spam-Flag"] == "YES" and fields["X-Spam-Level"] == "*******"
    assert re.match(r"Yes, score=7\.4 required=5\.0 tests=FRIENDLY,FROM_CLIENT,\s*FROM_SENDER,\s*PILLS", fields["X-Spam-Status"])
    assert fields["X-Spam-Checker-Version"].startswith("SpamAssassin 4.0.")
    assert "Subject" not in fields
    assert re.search(r" spam=spam score=7\.4 required=5\.0 tests=FRIENDLY,FROM_CLIENT,FROM_SENDER,PILLS ", milter.eom_lines()[0])


def test_ham_and_what_came_with_it(spam):
    milter = spam()
    forged = b"X-Spam-Flag: YES\r\nX-Spam-Status: No, score=-99\r\nX-Spam-Flag: NO\r\n"
    answer = milter.send(letter("Dear friend", more=forged))
    fields = inserted(answer)
    assert fields["X-Spam-Status"].startswith("No, score=1.4 required=5.0") and fields.get("X-Spam-Flag", "") == ""
    deleted = [data[4:].split(b"\0")[0] for command, data in answer.edits if command == "m" and data.split(b"\0")[-2] == b""]
    assert sorted(deleted) == [b"X-Spam-Flag", b"X-Spam-Flag", b"X-Spam-Status"]


def test_levels(spam):
    milter = spam(tag_level="2", tag2_level="6.35", kill_level="10", subject_tag="***SPAM***")
    assert inserted(milter.send(letter("Dear friend"))) == {}  # 1.4
    fields = inserted(milter.send(letter("Cheap pills")))      # 6.2: told, but no spam yet
    assert fields["X-Spam-Status"].startswith("No, score=6.2 required=6.3") and "X-Spam-Flag" not in fields
    fields = inserted(milter.send(letter("Cheap pills, dear friend", subject="A\r\n folded one")))
    assert fields["X-Spam-Flag"] == "YES" and fields["Subject"] == "***SPAM*** A\n folded one"
    answer = milter.send(letter("Cheap pills pills pills pills"))  # 10.2
    assert answer.code == 550 and answer.text.startswith("550 5.7.1 Message refused as spam") and "(ref " in answer.text
    assert len(milter.archive.stored()) == 3
    milter.write(spam={"kill_action": "quarantine"})
    assert milter.command("reload")[0]
    assert milter.send(letter("Cheap pills pills pills pills")).kind == "discard"
    assert len(milter.archive.stored()) == 4  # held there


def test_own_mail_is_judged_for_the_log_only(spam):
    milter = spam(kill_level="5")
    client = milter.client(macros={"auth_authen": "alice"}).connect().helo()
    answer = client.message(letter("Cheap pills", more=b"X-Spam-Flag: NO\r\n"))
    assert answer.accepted and not answer.edits
    assert re.search(r" spam=killed score=6\.\d .*spam_own=yes", milter.eom_lines()[0])
    milter.write(spam={"own_mail": "skip"})
    assert milter.command("reload")[0]
    client = milter.client(macros={"auth_authen": "alice"}).connect().helo()
    assert client.message(letter("Cheap pills")).accepted and " spam=" not in milter.eom_lines()[1]
    milter.write(spam={"own_mail": "tag"})
    assert milter.command("reload")[0]
    client = milter.client(macros={"auth_authen": "alice"}).connect().helo()
    assert client.message(letter("Cheap pills")).code == 550


def test_skipped_clients(spam):
    milter = spam(skip_networks="{192.0.2.0/24}", kill_level="5")
    assert milter.send(letter("Cheap pills")).accepted and " spam=" not in milter.eom_lines()[0]


def test_reload_takes_new_rules_and_refuses_bad_ones(spam):
    milter = spam(kill_level="5")
    assert milter.send(letter("Cheap watches")).accepted
    milter.rules.write_text(RULES + "body WATCHES /cheap watches/i\nscore WATCHES 7\n")
    assert milter.command("reload")[0]
    assert milter.send(letter("Cheap watches")).code == 550
    milter.rules.write_text("body WATCHES /cheap (watches/i\nscore WATCHES 7\n")
    done, text = milter.command("reload")
    assert not done and "the rules have 1 new errors" in text and "the former ones stay" in text
    assert f"{milter.rules}:1: " in milter.log()
    assert milter.send(letter("Cheap watches")).code == 550


def test_an_error_that_was_there_at_the_start_lets_reloads_be(spam):
    milter = spam(kill_level="5", more="body BROKEN /a(b/\n")
    assert milter.send(letter("Cheap watches")).accepted
    milter.rules.write_text(RULES + "body BROKEN /a(b/\nbody WATCHES /cheap watches/i\nscore WATCHES 7\n")
    assert milter.command("reload")[0]
    assert milter.send(letter("Cheap watches")).code == 550
    milter.rules.write_text(RULES + "body BROKEN /a(b/\nbody MORE /c(d/\n")
    done, text = milter.command("reload")
    assert not done and "the rules have 1 new errors" in text


def test_what_takes_too_long_is_delivered_and_said(spam):
    milter = spam(time_limit="100ms")
    slow = "".join(f"full SLOW_{n} /(x+x+)+\\1[0-9]{{{n + 1}}}/s\nscore SLOW_{n} 1\n" for n in range(50))
    milter.rules.write_text(RULES + slow)
    assert milter.command("reload")[0]
    answer = milter.send(letter("x" * 2000 + "!" + "9" * 60))
    assert answer.accepted and "TIME_LIMIT_EXCEEDED" in inserted(answer)["X-Spam-Status"]
    assert " spam_over_time=yes" in milter.eom_lines()[0] and " spam_gave_up=" in milter.eom_lines()[0]


@pytest.mark.parametrize("message", [
    letter("A" * 10 * 1024 * 1024),
    b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" +
    b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(1000)),
    b"Content-Type: text/html\r\n\r\n<p " + b"".join(b"a%d=x " % n for n in range(100000)) + b">cheap pills</p>\r\n",
    b"Content-Type: text/html\r\n\r\n" + b"<div>" * 200000 + b"cheap pills",
    b"Received: " + b"from a (b [1.2.3.4]) by c; " * 20000 + b"\r\n\r\ncheap pills",
    b"To: " + b"<a@b.test>, " * 50000 + b"\r\n\r\ncheap pills",
    b"Content-Type: text/plain\r\n\r\n" + b" ".join(b"http://a%d.test/%%41%%42" % n for n in range(50000)),
], ids=["10-MB", "1000-levels", "100000-attributes", "200000-tags", "long-Received", "50000-recipients", "50000-URIs"])
def test_bombs_are_bounded(spam, message):
    milter = spam(time_limit="20s")
    answer = milter.send(message)
    assert answer.accepted and "TIME_LIMIT_EXCEEDED" not in inserted(answer).get("X-Spam-Status", "")
    assert re.search(r" spam=(clean|spam) ", milter.eom_lines()[0])


def test_no_rules_at_all_are_refused_before_start(spam, milter):
    nowhere = os.path.join(milter.directory, "nowhere")
    with pytest.raises(AssertionError):
        spam(rules=nowhere, site=nowhere)
    assert nowhere in milter.log()


NETWORK_RULES = r"""
loadplugin Mail::SpamAssassin::Plugin::DNSEval
loadplugin Mail::SpamAssassin::Plugin::AskDNS
loadplugin Mail::SpamAssassin::Plugin::SPF
loadplugin Mail::SpamAssassin::Plugin::DMARC
rbl_timeout 2
header LISTED eval:check_rbl('one-lastexternal', 'bl.test')
score LISTED 0 4 0 4
askdns FRESH _AUTHORDOMAIN_.fresh.test A /^127\.0\.0\.5$/
score FRESH 1.5
meta LISTED_AND_FRESH LISTED && FRESH
score LISTED_AND_FRESH 1
header SPF_FAIL eval:check_for_spf_fail()
score SPF_FAIL 2
header HELO_PASS eval:check_for_spf_helo_pass()
score HELO_PASS -0.1
header DMARC_REJECT eval:check_dmarc_reject()
score DMARC_REJECT 3
"""


@pytest.fixture
def names():
    server = NameServer()
    server.records.update({("7.2.0.192.bl.test", "A"): ["127.0.0.2"], ("elsewhere.test.fresh.test", "A"): ["127.0.0.5"],
                           ("elsewhere.test", "TXT"): ["v=spf1 -all"], ("client.test", "TXT"): ["v=spf1 ip4:192.0.2.7 -all"], ("_dmarc.elsewhere.test", "TXT"): ["v=DMARC1; p=reject"]})
    yield server
    server.close()


@pytest.fixture
def networked(spam, names):
    """The milter with rules that ask the DNS."""
    def start(modules="{spam, archive}", **settings):
        milter = spam(network="no")
        milter.stop()
        milter.rules.write_text(RULES + NETWORK_RULES)
        milter.start(milter={"modules": modules}, dns={"mode": "forward", "forwarders": f'{{"{names.forwarder}"}}', "dnssec": "off"},
                     spam={"rules": str(milter.rules.parent), "site": str(milter.rules.parent / "none"), "cache": "", "network": "yes",
                           **settings})
        return milter
    yield start


def hit_names(milter):
    return set(re.search(r" tests=(\S+)", milter.eom_lines()[-1])[1].split(","))


def test_rules_ask_the_dns(networked):
    milter = networked()
    assert milter.send(letter("Hello")).accepted
    assert hit_names(milter) == {"FROM_CLIENT", "FROM_SENDER", "LISTED", "FRESH", "LISTED_AND_FRESH"}


def test_rules_know_what_auth_has_found(networked):
    milter = networked("{auth, spam, archive}")
    assert milter.send(letter("Hello")).accepted
    assert hit_names(milter) >= {"LISTED", "SPF_FAIL", "HELO_PASS", "DMARC_REJECT"}


@pytest.mark.skipif(not shutil.which("spamc"), reason="spamc is not installed")
def test_of_a_message_by_spamc_it_is_found(networked, names):
    """Its hop and sender are those that the Received line tells."""
    networked(spamd_listen='{"127.0.0.1:7832"}')
    received = b"Received: from client.test (client.test [192.0.2.7]) by mx.example.test (Postfix) with ESMTP id 1\r\n" \
               b"\t(envelope-from <a@elsewhere.test>); Fri, 1 Jan 2021 00:00:00 +0000\r\n"
    done = subprocess.run(["spamc", "-d", "127.0.0.1", "-p", "7832", "-y"], input=received + letter("Hello"), stdout=subprocess.PIPE, timeout=60)
    assert set(done.stdout.decode().split(",")) >= {"LISTED", "SPF_FAIL", "HELO_PASS", "DMARC_REJECT"}


def test_no_question_without_network(networked, names):
    milter = networked(network="no")
    assert milter.send(letter("Hello")).accepted
    assert hit_names(milter) == {"FROM_CLIENT", "FROM_SENDER"} and not names.asked


def test_silent_lists_do_not_hold_mail(networked, names):
    """The others count; the silent one is waited for rbl_timeout at most."""
    names.silent.add("elsewhere.test.fresh.test")
    milter = networked()
    began = time.monotonic()
    assert milter.send(letter("Hello")).accepted
    assert time.monotonic() - began < 8
    assert hit_names(milter) == {"FROM_CLIENT", "FROM_SENDER", "LISTED"}


def test_a_list_that_refuses_hits_nothing(networked, names):
    names.records[("7.2.0.192.bl.test", "A")] = ["127.255.255.254"]
    milter = networked()
    assert milter.send(letter("Hello")).accepted
    assert hit_names(milter) == {"FROM_CLIENT", "FROM_SENDER", "FRESH"}
    assert re.search(r"event=dnsbl level=warning list=bl\.test cause=refused", milter.log())
