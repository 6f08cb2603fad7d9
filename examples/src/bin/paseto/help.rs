//! The help texts.

pub(crate) const ALL: &str = "
Creates and rotates keys of PASETO version 4, and inspects, verifies, explains and issues tokens.

Usage: paseto COMMAND [OPTIONS]

Commands:
  keys generate   create a key file, or print a new key
  keys rotate     add a key to a key file, and remove expired keys
  keys remove     remove a key from a key file immediately
  keys list       show the states of the keys in a key file, without the keys
  keys wrap       encrypt a key with a password
  keys unwrap     decrypt a key with a password
  inspect         show the parts of a token; verifies nothing
  verify          verify a token and print its claims
  explain         show which rule rejects a token
  issue           issue a token

Options of each command:
  --json          print JSON. An error is an object with the field `error`.
  -h, --help      print the help text of the command

Secret keys are read from files only. The program rejects a secret key in an argument, because other
processes can read arguments, and the shell stores them. A token in an argument has the same
problem: pass a token that is still valid by `-` (standard input) or `--token-file`.

Exit codes:
  0  success
  1  the token is rejected
  2  the arguments are wrong
  3  a file, the settings or the operating system is the cause
";

pub(crate) const GENERATE: &str = "
Creates a key file with one new key, which is active. The permissions of the file are 0600: only its
owner can read it. An existing file is never changed.

Usage: paseto keys generate FILE [--kind KIND] [--json]
       paseto keys generate --print [--kind KIND] [--json]

Options:
  --kind KIND   `secret` for a key that signs tokens (`k4.secret`), or `local` for a key that
                encrypts sessions, refresh tokens and remembered logins (`k4.local`).
                Default: `secret`.
  --print       print the new key in place of creating a file. The terminal and its history then
                contain the key. For `secret`, the public key is printed too.
  --json        print JSON
  -h, --help    print this text

Exit codes: 0 success, 2 wrong arguments, 3 the file cannot be created. The file exists after an
error only if the message contains `is written, but`.
";

pub(crate) const ROTATE: &str = "
Adds a new key to a key file, and removes the retired keys whose tokens have expired. The new key is
announced first: verifiers can fetch it, but it does not sign. After the time of `--in` it becomes
active, and the old key is retired.

The new file replaces the old file atomically, so a reader never sees a part of it. If two rotations
run at the same time, the second rotation waits. The program locks FILE; on Windows, it locks
FILE.lock.

A file has at most 8 `k4.local` keys, so do not rotate more often than every max-ttl / 6. The limit
for `k4.secret` keys is 64. The program prints a warning if at most one more key fits into the file.

Usage: paseto keys rotate FILE [--in DURATION] [--max-ttl DURATION] [--force] [--json]

Options:
  --in DURATION       the time until the new key is active. Within this time, each replica must read
                      the key file, and each verifier must fetch the new public key: a verifier
                      without the key rejects the tokens of the key. Default: 1 hour.
  --max-ttl DURATION  the maximum lifetime of the tokens, sessions or logins of the keys. A key is
                      removed when it has been retired for this time, 5 minutes and 5 seconds.
                      Default: 30 days, the longest default lifetime of the library. If your
                      settings have a longer lifetime, pass it: else valid tokens become invalid.
  --force             add a key although an announced key waits
  --json              print JSON
  -h, --help          print this text

A duration is a number with the unit `s`, `m`, `h` or `d`, such as `90m`.

If a key was stolen, run `paseto keys rotate FILE --in 0s --force`, which adds a new active key.
Then remove the stolen key by `paseto keys remove FILE KID`, and its public key from the verifiers.
If FILE was stolen, remove each other key, also the announced keys: they were in FILE too.

Exit codes: 0 success, 2 wrong arguments, 3 another error. After an error, the file is not changed,
unless the message contains `is written, but`.
";

pub(crate) const REMOVE: &str = "
Removes a key from a key file immediately. Its tokens become invalid. The active key cannot be
removed: rotate first.

Usage: paseto keys remove FILE KID [--json]

Options:
  --json        print JSON
  -h, --help    print this text

KID is the key ID in the output of `paseto keys list`.

Exit codes: 0 success, 2 wrong arguments, 3 another error. After an error, the file is not changed,
unless the message contains `is written, but`.
";

pub(crate) const LIST: &str = "
Shows the keys of a key file: the key ID, the state, the time of activation, and the time from which
`paseto keys rotate` removes the key. A time is `-` if it is not set yet, and `unknown` if FILE does
not contain it. The output contains no secret.

Usage: paseto keys list FILE [--max-ttl DURATION] [--json]

Options:
  --max-ttl DURATION  as in `paseto keys rotate`
  --json              print JSON
  -h, --help          print this text

Exit codes: 0 success, 2 wrong arguments, 3 the file cannot be read.
";

pub(crate) const WRAP: &str = "
Encrypts a key with a password (Argon2id) and prints the result, a PASERK of the type `k4.secret-pw`
or `k4.local-pw`. Use a long random password: any reader of the output can try passwords.

Usage: paseto keys wrap FILE --password-file FILE [--json]

Options:
  --password-file FILE  the password. A line break at its end is not a part of it.
  --json                print JSON
  -h, --help            print this text

FILE contains one key, a PASERK (`k4.secret`, `k4.local`) or a PEM. It is not a key file of
`paseto keys generate`. `-` is the standard input, for one of the two files.

Exit codes: 0 success, 2 wrong arguments, 3 a file is wrong.
";

pub(crate) const UNWRAP: &str = "
Decrypts a key that `paseto keys wrap` or another PASERK program has encrypted with a password.

Usage: paseto keys unwrap FILE --password-file FILE (--out FILE | --print) [--json]

Options:
  --password-file FILE  the password. A line break at its end is not a part of it.
  --out FILE            create a file with the key, which only its owner can read
  --print               print the key. The terminal and its history then contain the key.
  --json                print JSON
  -h, --help            print this text

`-` is the standard input, for one of the two files.

Exit codes: 0 success, 2 wrong arguments, 3 a file or the password is wrong. The file of `--out`
exists after an error only if the message contains `is written, but`.
";

pub(crate) const INSPECT: &str = "
Shows the header, the footer and the claims of a token WITHOUT VERIFYING IT. Any person can create
a token with any content, so trust nothing in the output. The claims of `v4.local` are encrypted.

Usage: paseto inspect TOKEN [--json]
       paseto inspect - [--json]
       paseto inspect --token-file FILE [--json]

Options:
  --token-file FILE  read the token from a file; `-` is the standard input
  --json             print JSON. The field `verified` is always `false`.
  -h, --help         print this text

Exit codes: 0 success, 1 the string is not a token, 2 wrong arguments, 3 the file cannot be read.
";

pub(crate) const VERIFY: &str = "
Verifies a token as a Verifier with these settings does, and prints its claims.

Usage: paseto verify (TOKEN | - | --token-file FILE) --config FILE [--json]

Options:
  --config FILE      settings in TOML, in the table `verifier` or in the whole file
  --token-file FILE  read the token from a file; `-` is the standard input
  --json             print JSON
  -h, --help         print this text

The revocation store and the checks of the application do not run. The settings must not contain
`remote_keys`, because the program sends no requests.

Exit codes: 0 accepted, 1 rejected, 2 wrong arguments, 3 a file or the settings are wrong.
";

pub(crate) const EXPLAIN: &str = "
Shows each rule of a Verifier with these settings, in the order in which the Verifier checks them.
The first rule that rejects the token ends the check. Values before the rule `signature` are not
verified.

Usage: paseto explain (TOKEN | - | --token-file FILE) --config FILE [--json]

Options:
  --config FILE      settings in TOML, in the table `verifier` or in the whole file
  --token-file FILE  read the token from a file; `-` is the standard input
  --json             print JSON
  -h, --help         print this text

The settings must not contain `remote_keys`, because the program sends no requests.

Each rule is `passed`, `rejected`, `not checked` (after the rejecting rule), `not applicable` (it
depends on a request or on the code of the application), or `unknown` (the library rejects the token
for a reason that is not one of the rules).

Exit codes: 0 accepted, 1 rejected, 2 wrong arguments, 3 a file or the settings are wrong.
";

pub(crate) const ISSUE: &str = "
Issues a token as an Issuer with these settings does, and prints it.

Usage: paseto issue --config FILE [OPTIONS]

Options:
  --config FILE   settings in TOML, in the table `issuer` or in the whole file
  --sub TEXT      the subject (`sub`)
  --aud TEXT      the audience (`aud`). Default: the audience of the settings.
  --scope SCOPE   a scope; repeat the option for several scopes
  --ttl DURATION  the lifetime: a number with the unit `s`, `m`, `h` or `d`, such as `15m`.
                  Default: the `ttl` of the settings.
  --claims FILE   other claims, a JSON object; `-` is the standard input
  --json          print JSON
  -h, --help      print this text

The output is a credential: any reader of the output can use the token until it expires.

Exit codes: 0 success, 2 wrong arguments or claims, 3 a file or the settings are wrong.
";
