ARG BASE
FROM $BASE AS tools
FROM $BASE
RUN --mount=target=/src,rw make -C /src
RUN --mount=type=bind,from=tools,source=/bin,target=/tools --mount=type=tmpfs,target=/tmp,size=1048576 /tools/run
RUN --network=none ./offline
RUN --network=default ./online
