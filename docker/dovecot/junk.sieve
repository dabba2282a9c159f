# What Postern marks as spam goes to Junk, before a user's own rules.
require ["fileinto", "mailbox"];
if header :is "X-Spam-Flag" "YES" {
  fileinto :create "Junk";
  stop;
}
