# docker build --tag facekit .                                     for the CPU
# docker build --tag facekit:cuda --target cuda .                  for CUDA: its library comes from api.nuget.org
# docker run --rm --init --user "$(id -u)" --volume "$PWD:/data" facekit extract --input crops/ …

FROM node:22-bookworm-slim AS build
WORKDIR /facekit
COPY . .
RUN npm run pack
# Elsewhere: in the clone npm takes the folder for one of its workspaces.
WORKDIR /
RUN ONNXRUNTIME_NODE_INSTALL=skip \
    npm install --global --prefix=/program --no-audit --no-fund /facekit/packed/facekit-[0-9]*.tgz

FROM build AS build-cuda
RUN ONNXRUNTIME_NODE_INSTALL=cuda12 \
    node /program/lib/node_modules/facekit/node_modules/onnxruntime-node/script/install

FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04 AS cuda
COPY --from=build /usr/local/bin/node /usr/local/bin/
COPY --from=build-cuda /program /usr/local
ENV XDG_CACHE_HOME=/tmp
WORKDIR /data
USER 1000
ENTRYPOINT ["facekit"]

FROM node:22-bookworm-slim AS cpu
COPY --from=build /program /usr/local
# Whoever is told by --user has no home.
ENV XDG_CACHE_HOME=/tmp
WORKDIR /data
USER 1000
ENTRYPOINT ["facekit"]
