"""The command lines that dig and resolve are compared on."""

PLAIN = """
celadon.test A|celadon.test AAAA|celadon.test NS|celadon.test SOA|celadon.test MX|celadon.test TXT|celadon.test CAA
celadon.test HTTPS|www.celadon.test A|www.celadon.test AAAA|www.celadon.test CNAME|www.celadon.test MX|web.celadon.test
chain1.celadon.test|loop.celadon.test|outside.celadon.test|zero.celadon.test|longttl.celadon.test|odd.celadon.test
week.celadon.test|six.celadon.test AAAA|txt.celadon.test TXT|txt-empty.celadon.test TXT|txt-quote.celadon.test TXT
txt-bytes.celadon.test TXT|txt-utf8.celadon.test TXT|txt-long.celadon.test TXT|_sip._tcp.celadon.test SRV
naptr.celadon.test NAPTR|caa.celadon.test CAA|ds.celadon.test DS|a.ds.celadon.test A|dnskey.celadon.test DNSKEY
rrsig.celadon.test A|rrsig.celadon.test RRSIG|nsec.celadon.test NSEC|tlsa.celadon.test TLSA
_443._tcp.web.celadon.test TLSA|smimea.celadon.test SMIMEA|sshfp.celadon.test SSHFP|https.celadon.test HTTPS
alias.celadon.test HTTPS|svcb.celadon.test SVCB|loc.celadon.test LOC|hinfo.celadon.test HINFO|uri.celadon.test URI
rp.celadon.test RP|afsdb.celadon.test AFSDB|kx.celadon.test KX|cert.celadon.test CERT|openpgpkey.celadon.test OPENPGPKEY
ipseckey.celadon.test IPSECKEY|cds.celadon.test CDS|cdnskey.celadon.test CDNSKEY|csync.celadon.test CSYNC
eui48.celadon.test EUI48|eui64.celadon.test EUI64|unknown.celadon.test TYPE65280|empty-unknown.celadon.test TYPE65281
dname.celadon.test DNAME|x.dname.celadon.test A|ptr.celadon.test PTR|any.wild.celadon.test A|any.wild.celadon.test TXT
c.deep.celadon.test A|xn--bcher-kva.celadon.test A|xn--bcher-kva.celadon.test TXT|under_score.celadon.test A
nope.celadon.test A|nope.celadon.test MX|web.celadon.test MX|UPPER.celadon.test A|UPPER.CASE.celadon.test A
name-of-twenty-three-c.celadon.test|a-name-that-is-longer-than-the-column-which-dig-gives-to-names.celadon.test
a123456789012345678901234567890123456789012345678901234567890xy.celadon.test|sub.celadon.test NS|x.sub.celadon.test A
example.com A|. NS|celadon.test. A|apl.celadon.test APL|txt.celadon.test type16|celadon.test -t mx|-t aaaa celadon.test
mx celadon.test|in celadon.test soa|-q celadon.test -t txt|-x 192.0.2.80|-x 192.0.2.1|-x 2001:db8::1|-x 192.0.2.99
esc\\.aped.celadon.test|sp\\032ace.celadon.test|at\\@sign.celadon.test|semi\\;colon.celadon.test|dollar$.celadon.test
back\\\\slash.celadon.test|bytes\\001\\200.celadon.test|paren\\(s\\).celadon.test|big.celadon.test TXT
"""
OPTIONS = """
+short|+noall +answer|+noall|+noall +comments|+noall +question|+noall +authority|+noall +additional|+noall +stats
+nocomments|+noquestion|+noanswer|+noauthority|+noadditional|+nostats|+nocmd|+nocmd +nostats|+nottlid|+noclass
+nottlid +noclass|+ttlunits|+noedns|+bufsize=4096|+norecurse|+tcp|+vc +short|+nocookie|+cdflag|+cd|+noad|+aaflag
+identify|+short +identify|+nostats +identify|+multiline|+multiline +nottlid|+dnssec|+do +short|+nsid|+all|+noall +all
+subnet=192.0.2.0/24|+nosubnet|+padding=128|+time=1 +tries=1|+timeout=1 +retry=0|+edns=0|+ans +noall|+noall +ans
+ednsopt=65001:cafe|+noadditional +noauthority +noquestion|+nocomments +noquestion +noauthority +noadditional +nostats
"""
OTHERS = """
odd.celadon.test +ttlunits +noall +answer|longttl.celadon.test +ttlunits +short|celadon.test SOA +multiline
celadon.test SOA +multi +noall +answer|celadon.test SOA +multiline +norrcomments|dnskey.celadon.test DNSKEY +multiline
dnskey.celadon.test DNSKEY +rrcomments|dnskey.celadon.test DNSKEY +nocrypto|dnskey.celadon.test DNSKEY +multi +nocrypto
dnskey.celadon.test DNSKEY +short +rrcomments|rrsig.celadon.test RRSIG +multi|rrsig.celadon.test A +dnssec
rrsig.celadon.test RRSIG +nocrypto|rrsig.celadon.test RRSIG +multi +nocrypto|ds.celadon.test DS +multiline
ds.celadon.test DS +nocrypto|tlsa.celadon.test TLSA +multi|_443._tcp.web.celadon.test TLSA +multi
sshfp.celadon.test SSHFP +multi|openpgpkey.celadon.test OPENPGPKEY +multi|cert.celadon.test CERT +multi
ipseckey.celadon.test IPSECKEY +multi|cdnskey.celadon.test CDNSKEY +multi|cdnskey.celadon.test CDNSKEY +rrcomments
smimea.celadon.test SMIMEA +multi|unknown.celadon.test TYPE65280 +multi|empty-unknown.celadon.test TYPE65281 +multi
tlsa.celadon.test TLSA +split=8|tlsa.celadon.test TLSA +nosplit|dnskey.celadon.test DNSKEY +split=20
six.celadon.test AAAA +expandaaaa|six.celadon.test AAAA +expandaaaa +short|big.celadon.test TXT +ignore
big.celadon.test TXT +short|big.celadon.test TXT +tcp|big.celadon.test TXT +noall +answer
big.celadon.test TXT +bufsize=4096
web.celadon.test TXT txt.celadon.test TXT|web.celadon.test A txt.celadon.test TXT +short
+short web.celadon.test A txt.celadon.test TXT|+noall +answer web.celadon.test A txt.celadon.test TXT +all
celadon.test MX +short|_sip._tcp.celadon.test SRV +short|chain1.celadon.test +short|nope.celadon.test +short
web.celadon.test MX +short|rrsig.celadon.test A +dnssec +short|txt-long.celadon.test TXT +short|celadon.test SOA +short
web +domain=celadon.test|web +domain=celadon.test +search|nope +domain=celadon.test
web +search +domain=celadon.test +short
nope +domain=celadon.test +showsearch|version.server CH TXT|-c CH -t TXT version.server|version.server TXT CH +short
id.server CH TXT|web.celadon.test +yaml|celadon.test MX +yaml|nope.celadon.test +yaml|example.com +yaml
txt-quote.celadon.test TXT +yaml|big.celadon.test TXT +yaml|web.celadon.test +yaml +tcp|web.celadon.test +noedns +yaml
web.celadon.test +qr|web.celadon.test +qr +noall +answer|web.celadon.test +qr +noedns +nostats|-4 web.celadon.test
xn--bcher-kva.celadon.test +idnout|-u web.celadon.test|celadon.test ANY|celadon.test ANY +noall +answer
celadon.test HTTPS +short|svcb.celadon.test SVCB +short|hinfo.celadon.test HINFO +short|www.celadon.test +short CNAME
"""


def _split(text):
    return [one.strip().split() for line in text.strip().splitlines() for one in line.split("|")]


CASES = [*_split(PLAIN), *(["www.celadon.test", *one] for one in _split(OPTIONS)), *_split(OTHERS)]
