#!/usr/bin/perl
# spam_message.pl: what SpamAssassin says of whole messages, network and Bayes off. One JSON line for each file named on stdin:
#   {"file", "hits": {rule: value}, "score", "han": its text has Chinese characters, "html": it has an HTML part, "us": CPU}
# $SPAM_SITE: a folder with site files instead of /etc/spamassassin. Each message gets a process of its own: a pattern with captured values
# in it (%{NAME}) stays in SpamAssassin what it was for the first message (its /o).
use strict; use warnings; use JSON::PP; use Mail::SpamAssassin; use POSIX ();
$| = 1;
delete @ENV{qw(LC_ALL LANGUAGE LC_MESSAGES LANG)};
my %site = defined $ENV{SPAM_SITE} ? (site_rules_filename => $ENV{SPAM_SITE} =~ /(.*)/s ? $1 : '') : ();
my $sa = Mail::SpamAssassin->new({local_tests_only => 1, dont_copy_prefs => 1, userprefs_filename => '/dev/null', %site,
  post_config_text => "use_bayes 0\nuse_auto_welcomelist 0\n"});
$sa->compile_now(0, 1);
my $json = JSON::PP->new->canonical->ascii;
while (my $file = <STDIN>) {
  chomp $file;
  my $pid = fork() // die "fork: $!";
  if ($pid == 0) { message($file); POSIX::_exit(0) }
  waitpid($pid, 0);
  die "$file: status $?" if $?;
}
sub message {
  my $file = shift;
  open my $h, '<:raw', $file or die "$file: $!"; my $bytes = do { local $/; <$h> };
  my ($user, $system) = times;
  my $mail = $sa->parse($bytes, 1);
  my $status = Mail::SpamAssassin::PerMsgStatus->new($sa, $mail);
  $status->check();
  my ($user2, $system2) = times;
  my $hits = $status->{tests_already_hit};
  my $text = join('', @{$status->get_decoded_stripped_body_text_array});
  utf8::decode($text);
  print $json->encode({file => $file, score => $status->{score} + 0, hits => {map { $_ => $hits->{$_} + 0 } grep { $hits->{$_} } keys %$hits},
    han => $text =~ /\p{Han}/ ? 1 : 0, html => @{$mail->{metadata}{html_all} || []} ? 1 : 0,
    us => int(1e6 * ($user2 + $system2 - $user - $system))}), "\n";
  $status->finish; $mail->finish;
}
