ARG BASE
FROM $BASE
RUN echo "built for $CALLED"
