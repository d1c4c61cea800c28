ARG BASE
FROM $BASE AS base
FROM base
ARG VERSION=1
ENV VERSION=$VERSION N10=ten N9=nine
LABEL org.example.version=$VERSION
USER 1000:1001
WORKDIR relative
WORKDIR /absolute
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://files.example/linux.tar /usr/src/
ADD --keep-git-dir=true https://git.example/app.git#v1:docs /docs
ADD --chown=app:staff --chmod=640 archive.tar /unpacked/
COPY --chown=7:8 --chmod=0755 ["a file", "*.json", "/data/"]
COPY --link --from=base /lower /kept
SHELL ["/bin/sh", "-euc"]
RUN echo "ünïcode <&> \"quotes\"" > /tmp/out
HEALTHCHECK CMD ["true"]
STOPSIGNAL SIGTERM
VOLUME /data
EXPOSE 80/tcp
ENTRYPOINT ["/bin/server"]
CMD ["--help"]
