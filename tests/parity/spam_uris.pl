#!/usr/bin/perl
# What SpamAssassin makes of the URIs of the messages whose paths come on stdin, one JSON line each: the texts and HTML URIs that it
# had, and its list. Arguments: a folder with the rules (TLDs and redirector patterns). Strings are [base64 of the characters in UTF-8,
# whether they are characters that aren't all ASCII]: bytes count as Latin-1 there; inputs are [base64 of bytes, is characters].
use strict;
use warnings;
use JSON::PP;
use MIME::Base64 qw(encode_base64 decode_base64);
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;

my $sa = Mail::SpamAssassin->new({ rules_filename => $ARGV[0], site_rules_filename => "$ARGV[0]/none", dont_copy_prefs => 1,
  local_tests_only => 1, userprefs_filename => '/dev/null', debug => 0 });
$sa->init(0);
my $json = JSON::PP->new->ascii->canonical;

# As Perl compares: characters.
sub key { my $s = "$_[0]"; utf8::upgrade($s); utf8::encode($s); encode_base64($s, '') }

# As it is.
sub raw {
  my $s = "$_[0]"; my $chars = utf8::is_utf8($s) ? 1 : 0;
  utf8::encode($s) if $chars;
  [encode_base64($s, ''), $chars];
}

# A text of its own: for generated texts, which aren't in a message.
sub scan_text {
  my ($status, $texts) = @_;
  $status->{msg}{text_rendered} = $texts;
}

$| = 1;
while (my $path = <STDIN>) {
  chomp $path;
  my ($text, @given) = ('');
  if ($path =~ /\.texts\z/) {
    open my $f, '<:raw', $path or die "$path: $!";
    @given = <$f>;
    $text = "Subject: x\n\n";
  } else {
    open my $f, '<:raw', $path or die "$path: $!";
    local $/; $text = <$f>;
  }
  my $msg = $sa->parse($text, 1);
  my $pms = Mail::SpamAssassin::PerMsgStatus->new($sa, $msg);
  if (@given) { $msg->get_rendered_body_text_array(); scan_text($pms, \@given) }
  my $texts = $pms->get_decoded_stripped_body_text_array();
  my @html;
  foreach my $html (@{$msg->{metadata}{html_all} || []}) {
    my $detail = $html->{uri_detail} || {};
    push @html, { truncated => $html->{uri_truncated} ? 1 : 0,
      uris => [map { my $d = $detail->{$_}; { uri => raw($_), types => [sort keys %{$d->{types} || {}}],
        texts => [map { raw($_) } @{$d->{anchor_text} || []}] } } sort keys %$detail] };
  }
  my @dkim = map { [$pms->get($_)] } ('DomainKey-Signature', 'DKIM-Signature');
  my $list = $pms->get_uri_detail_list();
  my %out;
  foreach my $uri (keys %$list) {
    my $d = $list->{$uri};
    $out{key($uri)} = { types => [sort keys %{$d->{types}}], cleaned => [sort map { key($_) } @{$d->{cleaned} || []}],
      texts => [map { key($_) } @{$d->{anchor_text} || []}], domains => [sort keys %{$d->{domains} || {}}],
      hosts => $d->{hosts} || {} };
  }
  print $json->encode({ path => $path, texts => [map { raw($_) } @$texts], html => \@html,
    dkim => [map { raw($_) } map { @$_ } @dkim], detail => \%out, list => [sort map { key($_) } $pms->get_uri_list()],
    truncated => $pms->{uri_truncated} ? 1 : 0 }), "\n";
  $pms->finish(); $msg->finish();
}
