ARG BASE
FROM --platform=$BUILDPLATFORM $BASE AS build
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=target=. GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=$TARGETVARIANT go build -o /out/app .

FROM scratch AS linux-amd64
COPY amd64/ /
FROM scratch AS linux-arm64
COPY arm64/ /

FROM ${TARGETOS}-${TARGETARCH}
COPY --from=build --link /out/app /app
