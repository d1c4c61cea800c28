ARG BASE
FROM $BASE
RUN --mount=type=secret,id=token cat /run/secrets/token
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc,required=true,mode=0440,uid=1000,gid=1001 npm ci
