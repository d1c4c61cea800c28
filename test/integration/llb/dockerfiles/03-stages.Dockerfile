ARG BASE
FROM $BASE AS tools
RUN ["/bin/make", "tools"]

FROM tools AS server
WORKDIR server
COPY server/ .
RUN make

FROM tools AS client
COPY client/ /client
RUN make -C /client

FROM scratch
COPY --from=server /home/server/out /bin/server
COPY --from=client /client/out /bin/client
