"""Clients that send without a pause, as mail servers do: what gets a 4xx or loses its connection is sent again until it gets
its 250. The clients' own record of 250s is the judge of what the archive must have."""
import smtplib
import threading
import time

from .client import OUTSIDER, Refused, transaction
from .process import wait_until


class Load:
    """threads clients on port 25; every message has a word of its own ("load7x12x") in its subject. Each client sends
    per_session messages in a session."""

    def __init__(self, threads=4, per_session=3, recipient="alice@example.test", pause=0.0, size=1200):
        self.accepted, self.deferred, self.broken, self.rejected = [], [], [], []
        self.recipient, self.per_session, self.pause, self.size = recipient, per_session, pause, size
        self.lock, self.ending, self.given_up = threading.Lock(), threading.Event(), False
        self.threads = [threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, failure, *_):
        """Every client finishes the message that it has in hand; after a failure nothing may be there to take it."""
        self.given_up = failure is not None
        self.ending.set()
        for thread in self.threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self.threads), "a client hangs"

    def _message(self, word):
        return (f"From: {OUTSIDER}\r\nTo: {self.recipient}\r\nSubject: load {word}\r\nMessage-ID: <{word}@load.test>\r\n\r\n{word}\r\n"
                + "Some filling of the usual kind.\r\n" * (self.size // 33)).encode()

    def _note(self, where, word):
        with self.lock:
            where.append((time.time(), word))

    def _client(self, number):
        count = 0
        word = None
        while (word and not self.given_up) or not self.ending.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", 25, local_hostname="load.test", timeout=60, source_address=("127.0.0.2", 0)) as s:
                    s.ehlo()
                    for _ in range(self.per_session):
                        if word is None:
                            if self.ending.is_set():
                                break
                            count += 1
                            word = f"load{number}x{count}x"
                        transaction(s, self._message(word), [self.recipient], OUTSIDER)
                        self._note(self.accepted, word)
                        word = None
                        time.sleep(self.pause)
            except Refused as refused:
                self._note(self.deferred if 400 <= refused.code < 500 else self.rejected, f"{word}: {refused}")
                time.sleep(0.05)
                if refused.code >= 500:
                    word = None
            except (OSError, smtplib.SMTPException) as error:
                self._note(self.broken, f"{word}: {error!r}")
                time.sleep(0.05)

    def words(self):
        return [word for _, word in self.accepted]


def missing_and_doubled(postern, words):
    """(words that the archive does not have, words that it has more than once)."""
    found = [hit["subject"].split()[-1] for hit in postern.search("subject:load", "--no-snippets")]
    counts = {word: 0 for word in words}
    for word in found:
        if word in counts:
            counts[word] += 1
    return sorted(w for w, n in counts.items() if n == 0), sorted(w for w, n in counts.items() if n > 1)


def check_found_once(postern, words, timeout=60):
    """Waits until every word is found (the index follows the log), then requires each exactly once."""
    wait_until(lambda: not missing_and_doubled(postern, words)[0], timeout, every=0.5, what=lambda:
               f"all of {len(words)} messages in the archive; missing {missing_and_doubled(postern, words)[0][:20]}")
    missing, doubled = missing_and_doubled(postern, words)
    assert not missing and not doubled, f"missing {missing[:20]}, doubled {doubled[:20]} of {len(words)}"
