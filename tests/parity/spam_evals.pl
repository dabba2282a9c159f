#!/usr/bin/perl
# What SpamAssassin's eval functions on URIs, texts and MIME parts say of the messages whose paths come on stdin, one JSON line each, with
# what they had to go by. Argument: a folder with the rules (TLDs and redirector patterns). Strings as in spam_uris.pl's input.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;
use Mail::SpamAssassin::Util;
use Mail::SpamAssassin::Plugin::URIEval;
use Mail::SpamAssassin::Plugin::URIDetail;
use Mail::SpamAssassin::Plugin::BodyEval;
use Mail::SpamAssassin::Plugin::MIMEEval;
use Mail::SpamAssassin::Plugin::ImageInfo;
use Mail::SpamAssassin::Plugin::HTTPSMismatch;

delete @ENV{qw(LC_ALL LANGUAGE LC_MESSAGES LANG)};
my $sa = Mail::SpamAssassin->new({ rules_filename => $ARGV[0], site_rules_filename => "$ARGV[0]/none", dont_copy_prefs => 1,
  local_tests_only => 1, userprefs_filename => '/dev/null', debug => 0 });
$sa->init(0);
$sa->{conf}{ok_locales} = 'en ru';
my $json = JSON::PP->new->ascii->canonical->allow_nonref;

# [plugin, function, what it is given of the body: none, body or rawbody; arguments]: the default rules' and some more.
my @calls = (
  ['URIEval', 'check_for_http_redirector'], ['URIEval', 'check_https_ip_mismatch'],
  ['HTTPSMismatch', 'check_https_http_mismatch', '1', '10'], ['HTTPSMismatch', 'check_https_http_mismatch', '0', '3'],
  ['HTTPSMismatch', 'check_https_http_mismatch', '2'],
  ['BodyEval', 'multipart_alternative_difference', '99', '100'], ['BodyEval', 'multipart_alternative_difference', '0', '10'],
  ['BodyEval', 'multipart_alternative_difference', '20', 'undef'], ['BodyEval', 'multipart_alternative_difference', '5', '50'],
  ['BodyEval', 'multipart_alternative_difference_count', '3', '1'], ['BodyEval', 'multipart_alternative_difference_count', '1', '10'],
  ['BodyEval', 'check_blank_line_ratio', '80', '90', '4'], ['BodyEval', 'check_blank_line_ratio', '0', '20'],
  ['BodyEval', 'check_blank_line_ratio', '10', '40', '10'], ['BodyEval', 'check_blank_line_ratio', '25', '30'],
  ['BodyEval', 'tvd_vertical_words', '0', '10'], ['BodyEval', 'tvd_vertical_words', '15', '20'],
  ['BodyEval', 'tvd_vertical_words', '50', '100'],
  ['BodyEval', 'check_stock_info', '1'], ['BodyEval', 'check_stock_info', '2'], ['BodyEval', 'check_stock_info', '3'],
  ['BodyEval', 'check_body_length', '1024'],
  ['BodyEval', 'plaintext_body_length', '0', '500'], ['BodyEval', 'plaintext_body_length', '800'],
  ['BodyEval', 'plaintext_sig_length', '1', '100'], ['BodyEval', 'plaintext_sig_length', '101'],
  ['BodyEval', 'plaintext_body_sig_ratio', '0', '5'], ['BodyEval', 'plaintext_body_sig_ratio', '5.5'],
  (map { ['MIMEEval', 'check_for_mime', $_] } qw(mime_base64_count mime_qp_count mime_base64_encoded_text mime_qp_long_line
    mime_faraway_charset mime_bad_iso_charset mimepart_limit_exceeded mime_attachment mime_body_html_count mime_body_text_count
    mime_missing_boundary mime_multipart_alternative mime_multipart_ratio mime_qp_ratio mime_ascii_text_illegal
    mime_text_unicode_ratio mime_html_charsets mime_qp_bytes nonsense)),
  ['MIMEEval', 'check_for_mime_html'], ['MIMEEval', 'check_for_mime_html_only'],
  ['MIMEEval', 'check_mime_multipart_ratio', '0.00', '0.01'], ['MIMEEval', 'check_mime_multipart_ratio', '0.2', '1'],
  ['MIMEEval', 'check_for_ascii_text_illegal'],
  (map { ['MIMEEval', 'check_abundant_unicode_ratio', $_] } qw(0.02 0.05 .001 1 0.0001 x)),
  (map { ['MIMEEval', 'check_qp_ratio', $_] } qw(0.001 0.01 0.05)),
  ['MIMEEval', 'check_for_faraway_charset'],
  ['MIMEEval', 'check_for_uppercase', '25', '50'], ['MIMEEval', 'check_for_uppercase', '50', '75'],
  ['MIMEEval', 'check_for_uppercase', '75', '100'], ['MIMEEval', 'check_for_uppercase', '5', '8'],
  ['MIMEEval', 'check_ma_non_text'],
  ['MIMEEval', 'check_base64_length', '78', '79'], ['MIMEEval', 'check_base64_length', '79'],
  ['MIMEEval', 'check_base64_length', '70', '77'],
  ['ImageInfo', 'image_count', 'gif', '1', '1'], ['ImageInfo', 'image_count', 'png', '2'], ['ImageInfo', 'image_count', 'jpeg', '1', '1'],
  ['ImageInfo', 'image_count', 'all', '1', '1'], ['ImageInfo', 'image_count', 'bmp', '0'],
  ['ImageInfo', 'pixel_coverage', 'gif', '180000', '475000'], ['ImageInfo', 'pixel_coverage', 'all', '62500', '300000'],
  ['ImageInfo', 'pixel_coverage', 'png', '1'], ['ImageInfo', 'pixel_coverage', 'jpeg', '1', '1000000'],
  ['ImageInfo', 'image_to_text_ratio', 'all', '0.000', '0.008'], ['ImageInfo', 'image_to_text_ratio', 'all', '0.000', '0.015', 'raw'],
  ['ImageInfo', 'image_to_text_ratio', 'gif', '0.001', '1'],
  ['ImageInfo', 'image_size_exact', 'gif', '1', '1'], ['ImageInfo', 'image_size_exact', 'all', '768', '1024'],
  ['ImageInfo', 'image_size_range', 'gif', '300', '300'], ['ImageInfo', 'image_size_range', 'all', '100', '100', '500', '500'],
  ['ImageInfo', 'image_named', 'image001.gif'], ['ImageInfo', 'image_named', 'image001.jpg'],
);
my @detail = (
  [['raw', '=~', 'https?://[^/]+/$']], [['text', '=~', '(?i)click'], ['cleaned', '=~', '\.com']], [['type', '=~', '^a$'], ['domain', '!~', '\.com$']],
  [['host', '=~', '^www\.'], ['type', '=~', '^img$']], [['text', '=~', '\bhttps:'], ['cleaned', '!~', '\bhttps:']],
  [['type', '=~', '^schemeless$'], ['raw', '!~', '^mailto:']], [['domain', '=~', '^[^.]{10,}\.'], ['host', '!~', '^www']],
);
my %plugins = map { $_ => "Mail::SpamAssassin::Plugin::$_"->new($sa) } qw(URIEval URIDetail BodyEval MIMEEval ImageInfo HTTPSMismatch);
my %of_raw = map { $_ => 1 } qw(check_blank_line_ratio);
my %no_body = map { $_ => 1 } qw(check_for_http_redirector check_https_ip_mismatch);

sub raw {
  my $s = "$_[0]"; my $chars = utf8::is_utf8($s) ? 1 : 0;
  utf8::encode($s) if $chars;
  [encode_base64($s, ''), $chars];
}

sub octets { defined $_[0] ? raw($_[0])->[0] : undef }

sub parts_of {
  my ($part, $out) = @_;
  my $index = @$out;
  push @$out, {};
  parts_of($_, $out) foreach @{$part->{body_parts} || []};
  my ($type, undef, $charset) = Mail::SpamAssassin::Util::parse_content_type($part->get_header('content-type'));
  my ($cte, $cd) = map { $_ = $part->get_header($_); $_ = '' unless defined; chomp; $_ } (my @names = ('Content-Transfer-Encoding', 'Content-Disposition'));
  my %it = (type => octets($part->{type}), declared => octets($type), charset => octets($charset), name => octets($part->{name}), cte => octets($cte), cd => octets($cd),
    below => @$out - $index - 1, leaf => $part->is_leaf() ? 1 : 0);
  if ($it{leaf}) {
    $it{raw} = octets(join('', @{$part->raw() || []}));
    my ($kind, $text) = $part->rendered();
    $it{rendered_type} = $kind;
    $it{rendered} = raw($text) if defined $kind;
    $it{image} = exists $part->{html_results}{inside}{img} ? 1 : 0 if $part->{html_results} && $part->{html_results}{inside};
    $it{decoded} = octets($part->decode()) if $part->{type} =~ m{^(?:text/plain|image/)};
  }
  $out->[$index] = \%it;
}

while (my $path = <STDIN>) {
  chomp $path;
  next if $path =~ /\.texts\z/;
  open my $f, '<:raw', $path or die "$path: $!";
  my $text = do { local $/; <$f> };
  my $msg = $sa->parse($text, 1);
  my $pms = Mail::SpamAssassin::PerMsgStatus->new($sa, $msg);
  my $texts = $pms->get_decoded_stripped_body_text_array();
  $pms->{html_all} = $msg->{metadata}{html_all};
  my (@parts, @html, @results);
  parts_of($msg, \@parts);
  foreach my $html (@{$msg->{metadata}{html_all} || []}) {
    my $detail = $html->{uri_detail} || {};
    push @html, { truncated => 0, uris => [map { { uri => raw($_), types => [sort keys %{$detail->{$_}{types} || {}}],
      texts => [map { raw($_) } @{$detail->{$_}{anchor_text} || []}] } } sort keys %$detail] };
  }
  foreach my $call (@calls) {
    my ($plugin, $name, @args) = @$call;
    my $body = $texts;
    if ($name eq 'image_to_text_ratio' && @args > 3) { pop @args; $body = $pms->get_decoded_body_text_array() }
    my $result = eval { local $SIG{__WARN__} = sub {}; scalar $plugins{$plugin}->$name($pms, ($no_body{$name} ? () : $body), @args) };
    push @results, $result ? 1 : 0;
  }
  foreach my $rule (@detail) {
    $sa->{conf}{uri_detail}{T} = { map { my $p = $_->[2]; ($_->[0] => [$_->[1], qr/$p/aa]) } @$rule };
    $pms->{current_rule_name} = 'T';
    push @results, $plugins{URIDetail}->check_uri_detail($pms) ? 1 : 0;
  }
  my $ct = $pms->get('Content-Type', undef);
  print $json->encode({ path => $path, texts => [map { raw($_) } @$texts], rawtexts => [map { raw($_) } @{$pms->get_decoded_body_text_array()}],
    html => \@html, dkim => [map { raw($_) } map { ($pms->get($_)) } ('DomainKey-Signature', 'DKIM-Signature')], parts => \@parts,
    content_type => octets($ct), body_length => $msg->{pristine_body_length}, open_boundary => (scalar grep { $_ } values %{$msg->{mime_boundary_state}}) ? 1 : 0,
    calls => [(map { [@{$_}[1 .. $#$_]] } @calls), (map { ['check_uri_detail', map { @$_ } @$_] } @detail)], results => \@results,
    groups => [(map { $_->[0] } @calls), (map { 'URIDetail' } @detail)],
    facts => { (map { $_ => ($pms->{$_} || 0) + 0 } qw(madiff madiff_html madiff_text stock_info uppercase base64_length tvd_vertical_words mime_base64_count
      mime_multipart_ratio mime_qp_count mime_qp_ratio mime_ascii_text_illegal mime_text_unicode_ratio mime_body_html_count mime_body_text_count mime_attachment)),
      (map { $_ => ($pms->{imageinfo}{$_} || 0) + 0 } qw(pc_gif pc_png pc_jpeg count_all)),
      charsets => octets($pms->{mime_html_charsets}) } }), "\n";
  $pms->finish(); $msg->finish();
}
