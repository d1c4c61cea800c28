ARG BASE
FROM $BASE
ARG VERSION=1
COPY <<-motd <<issue /etc/
	Welcome to version ${VERSION}.
motd
No variables here.
issue
COPY <<"literal" /etc/literal
$VERSION stays as it is.
literal
RUN <<EOT
set -e
echo one
echo two
EOT
RUN <<EOT python3
print("three")
EOT
