"""``keys.json`` as earlier versions of the program wrote it; none of this may ever stop opening."""

PASSPHRASE = "correct horse bättery staple"
KEY_FILE = "0123456789abcdef" * 4
RECOVERY_KEY = "MR000-1081G-81860-W40J2-GB1G6-GW3RG-24916-50N2R-BHG68-T3CE1-T7GZZ-4S3R2"

# Opened by PASSPHRASE (Argon2id) and KEY_FILE.
FIRST_DATA_KEY = "88f1cdc0e0a7c8b7a1934a6614902d03f9ad79ef1f1bd36159d1d04a579fcb4e"
FIRST = """{
 "version": 1,
 "library": "7eaeeb3bbb64c638495ad0c7323eef80",
 "check": "5664db29bc7af816c16509abe1c090efd403b1f868c2e13d05bb0a4e71cfe833",
 "protectors": [
  {
   "kind": "passphrase",
   "cipher": "AES-256-GCM",
   "nonce": "81ee6134523808e27f1deea5",
   "wrapped": "eb6c1d98c3624fd6b2432447ac05c792db7aad2cedbf30cee95c7db\
e4aa577930ee0da8016b5c7a194b8a53e5add8c4a",
   "kdf": "argon2id",
   "salt": "478d9d6f7ae8c8716e4f90674a6876a4",
   "passes": 1,
   "memory_kib": 64,
   "lanes": 1
  },
  {
   "kind": "keyfile",
   "cipher": "AES-256-GCM",
   "nonce": "3883c7e0d346a429a0f77be3",
   "wrapped": "f3fc236238b14f196190ac50488ddb4cb101ed2d6bc7ae8335cc46d\
395fe777d9e38abd2ba62de9c0863a65d97060739"
  }
 ]
}"""

# In FIPS mode; opened by PASSPHRASE (PBKDF2) and RECOVERY_KEY.
SECOND_DATA_KEY = "11bff01751cf2a7eabaa08b67724660c935e60533752ebd00fd1df565d8de832"
SECOND = """{
 "version": 2,
 "library": "f0119863f9322487d93301fab309464b",
 "check": "7c0e5413a282051fac01b1d103af282b88f6048f47476dc4b4a9623b6b492df6",
 "vault_cipher": "sqlcipher",
 "fips": true,
 "protectors": [
  {
   "kind": "passphrase",
   "made": "2026-11-25",
   "cipher": "AES-256-GCM",
   "nonce": "fd55f417e0d2e08766d99aaf",
   "wrapped": "d7a1731df67b5e8eedf54a494514a669a558f589abef5f0c3f94168\
20fda1e81010a38dc80556414f9c6b79052a215a2",
   "kdf": "pbkdf2-hmac-sha256",
   "salt": "235c07c74c332746387f09be3876cd1f",
   "passes": 1000
  },
  {
   "kind": "recovery",
   "made": "2026-11-25",
   "cipher": "AES-256-GCM",
   "nonce": "2a0d5757ece88e748b4bab42",
   "wrapped": "139df1e9d06bc8dc8b772316684905973f048a1fc008c2740bb6689\
915d0442e3b6e68e2b819466e6081b62c81fd7bb7"
  }
 ]
}"""
