"""The seven messages of the demo, made on the spot: who sends them how, and the Chinese words they are found by."""
import os
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from datetime import datetime, timezone


@dataclass
class Letter:
    title: str
    subject: str
    text: str
    sender: str
    to: list
    words: str                 # the search that finds it
    bcc: list = field(default_factory=list)
    submitted_by: str = ""     # signs in and uses the submission port
    html: str = ""
    attachments: list = field(default_factory=list)
    charset: str = "utf-8"
    expected: str = "dmarc=pass"  # among what is found out about the sender
    headers: dict = field(default_factory=dict)  # in place of the usual ones, or more
    spam: str = ""             # a rule that must be among those that hit: it is spam
    mailbox: str = ""          # where it is filed; "" for INBOX

    @property
    def recipients(self):
        return self.to + self.bcc

    def render(self):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, ", ".join(self.to), self.subject
        mail["Date"], mail["Message-ID"] = format_datetime(datetime.now(timezone.utc).astimezone()), make_msgid(domain="demo.test")
        for name, value in self.headers.items():
            del mail[name]
            mail[name] = value
        mail.set_content(self.text, charset=self.charset)
        if self.html:
            mail.add_alternative(self.html, subtype="html")
        for name, kind, content in self.attachments:
            mail.add_attachment(content, *kind.split("/"), filename=name)
        return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


QUOTE = "品項,數量,單價\n伺服器,2,86000\n硬碟,12,4200\n安裝服務,1,15000\n"
NEWSLETTER = """<html><head><style>h1 { color: #246 }</style></head><body>
<h1>秋季優惠活動開始了</h1>
<p>親愛的會員：即日起至月底，<b>全館商品九折</b>，滿兩千元免運費。</p>
<p><a href="https://shop.example/autumn">立即選購</a></p>
<!-- not shown: tracking --><script>var hidden = "看不見的字";</script>
</body></html>"""


# What SpamAssassin knows as the test for everything that looks for spam.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
PHISHING_TEXT = """Dear customer,

We detected unusual activity. Your account has been suspended. Please verify your account
information within 24 hours or your account will be closed permanently.

Click here: http://192.0.2.66/secure/login.php
"""
PHISHING_HTML = """<html><body><p>Dear valued customer,</p>
<p>We detected unusual activity. Your account has been suspended. Please <b>verify your account</b> information within 24 hours
or your account will be closed permanently.</p>
<p><a href="http://192.0.2.66/secure/login.php">https://www.example-bank.test/login</a></p>
<p>If you do not confirm your password, credit card number and PIN now, your online banking access will be limited.</p>
<p style="font-size:1px;color:#ffffff">kqx vbn wtr plm kqx vbn wtr plm</p>
<img src="http://192.0.2.66/logo.gif" width="600" height="80">
</body></html>"""
PHISHING_HEADERS = {
    "From": '"Example Bank Customer Support" <support@soft.test>', "Reply-To": "account.verify2026@gmail.com",
    "Received": "from 198-51-100-7.dynamic.isp.test (198-51-100-7.dynamic.isp.test [198.51.100.7])"
                " by relay.soft.test (Postfix) with SMTP id 4F1A2B3C4D; " + format_datetime(datetime.now(timezone.utc)),
    "Message-ID": "<20261128200000.QKX12345@192.0.2.66>"}


def letters():
    return [
        Letter("A plain message from outside", "Minutes of the meeting 會議紀錄",
               "Hello Alice,\n\nthe minutes of Monday's meeting: we move the servers in November.\n附上星期一的會議紀錄。\n\nErika\n",
               "erika@outside.test", ["alice@example.test"], "會議紀錄"),
        Letter("Traditional Chinese in Big5, with an attachment", "上海公司報價單",
               "林小姐您好：\n\n附件是上海公司的報價單，請查收。如有問題歡迎來電。\n\n順頌商祺\n王大明\n",
               "wang@outside.test", ["alice@example.test", "bob@example.test"], "上海公司 has:attachment",
               attachments=[("報價單.csv", "text/csv", QUOTE.encode("utf-8"))], charset="big5"),
        Letter("Sent by Alice, signed in, with blind copies", "生日驚喜",
               "星期五下班後替大衛辦生日驚喜，地點在老地方，請保密！\n\nAlice\n",
               "alice@example.test", ["bob@example.test"], "生日驚喜", bcc=["carol@example.test", "dave@example.test"],
               submitted_by="alice@example.test"),
        Letter("An HTML newsletter to a group alias, from where its domain does not send", "Autumn sale", "See the HTML part.\n",
               "news@shop.test", ["everyone@example.test"], "優惠活動 九折", html=NEWSLETTER, expected="dmarc=fail", mailbox="Junk"),
        Letter("A message of 8 MB", "旅遊照片", "這是上次去阿里山的旅遊照片，檔案比較大。\n", "chen@outside.test", ["carol@example.test"],
               "旅遊照片", attachments=[("alishan.jpg", "image/jpeg", b"\xff\xd8\xff\xe0" + os.urandom(6_100_000))]),
        Letter("GTUBE, the test message for spam filters", "Test of the filter", "這是垃圾郵件測試信，請忽略。\n\n" + GTUBE + "\n",
               "erika@outside.test", ["alice@example.test"], "垃圾郵件測試信", spam="GTUBE", mailbox="Junk"),
        Letter("A letter that is after passwords", "URGENT!! YOUR ACCOUNT HAS BEEN SUSPENDED", PHISHING_TEXT, "support@soft.test",
               ["bob@example.test"], "suspended permanently", html=PHISHING_HTML, headers=PHISHING_HEADERS, expected="spf=",
               spam="FREEMAIL_FORGED_REPLYTO", mailbox="Junk"),
    ]
