ARG BASE
FROM $BASE AS seed
RUN mkdir /seed

FROM $BASE
RUN --mount=type=cache,target=/root/.cache go build ./...
RUN --mount=type=cache,id=apt,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=private,mode=0700,uid=1,gid=2 \
    --mount=type=cache,target=/seeded,from=seed,source=/seed \
    apt-get install -y make
