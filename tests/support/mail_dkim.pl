# Signs or verifies messages with Mail::DKIM: a JSON array of cases on standard input, an array of answers on standard output.
# {"message": base64, "keys": {name: record}} gives the results of the signatures; {"message", "key": file, "algorithm",
# "method", "domain", "selector"} gives the signature field.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use Mail::DKIM::PrivateKey;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;

our %keys;
{
    package Record;
    sub type { return 'TXT' }
    sub txtdata { return ${ $_[0] } }
    sub char_str_list { return ${ $_[0] } }
}
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my ($name) = @_;
        return exists $keys{$name} ? (bless \(my $text = $keys{$name}), 'Record') : ();
    };
}

sub verify {
    my ($case) = @_;
    local %keys = %{ $case->{keys} };
    my $dkim = Mail::DKIM::Verifier->new();
    $dkim->PRINT(decode_base64($case->{message}));
    $dkim->CLOSE;
    return [map { $_->result_detail } $dkim->signatures];
}

sub sign {
    my ($case) = @_;
    my $key = Mail::DKIM::PrivateKey->load(File => $case->{key});
    my $dkim = Mail::DKIM::Signer->new(Algorithm => $case->{algorithm}, Method => $case->{method},
        Domain => $case->{domain}, Selector => $case->{selector}, Key => $key);
    $dkim->PRINT(decode_base64($case->{message}));
    $dkim->CLOSE;
    return encode_base64($dkim->signature->as_string, '');
}

my $cases = decode_json(do { local $/; <STDIN> });
print encode_json([map { exists $_->{key} ? sign($_) : verify($_) } @$cases]);
