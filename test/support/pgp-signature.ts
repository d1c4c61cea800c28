/** A text, and a detached signature of it by a key that was made for tests and thrown away. */
export const signedText = "signed\n";

export const pgpPublicKey = `-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEZZIAgBYJKwYBBAHaRw8BAQdAe0ZHeDVJ27TWEqJgpyEyerpVbZqLE5dL1rBF
VNk7xt20J2J1aWxka2l0LW5vZGUgdGVzdHMgPHRlc3RzQGV4YW1wbGUuY29tPoiQ
BBMWCAA4FiEEvOavBI5FjX4F3I1nmQw39zR6EZMFAmWSAIACGwMFCwkIBwIGFQoJ
CAsCBBYCAwECHgECF4AACgkQmQw39zR6EZPNzgD/UUQgavkq1FKPFa66de8qMwvd
N1L5VeCk35zD+Sp1T4ABAP1g5Az+3G7YqwXrk+ZmO/07opcKcSEfH/TpNbdN8/gC
=SmBQ
-----END PGP PUBLIC KEY BLOCK-----
`;

export const pgpSignature = `-----BEGIN PGP SIGNATURE-----

iHUEABYIAB0WIQS85q8EjkWNfgXcjWeZDDf3NHoRkwUCZZIAgAAKCRCZDDf3NHoR
k1GjAPwMLKEiA9tKRb1iOXxQ5u5OK3u5okH5/iRaPnmsMBFY2wD+OcCMw3ieBzyv
GbAtJ7YUilQBjfJ4tGctiAjwZVjUngg=
=/m9b
-----END PGP SIGNATURE-----
`;
