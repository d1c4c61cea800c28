// What the generated code is made with, in place of protobuf-es' own functions of these names: descriptors that are read when
// they are first used. protobuf-es reads them all as soon as a module is loaded, by means of a descriptor of descriptors that
// it must build before: for the services of a daemon and a session that is 50 ms before anything is done.
import type { DescFile, DescMessage, Message } from "@bufbuild/protobuf";
import type {
  GenEnum,
  GenFile,
  GenMessage,
  GenService,
  GenServiceMethods,
} from "@bufbuild/protobuf/codegenv2";
import { describeFile } from "./describe-file.ts";
import { readFileDescriptor } from "./read-file-descriptor.ts";

export type { GenEnum, GenFile, GenMessage, GenService };

/** The descriptor of a file, from its serialised form in base64. */
export function fileDesc(base64: string, imports: readonly DescFile[] = []): GenFile {
  return lazily(() => describeFile(readFileDescriptor(base64), imports) as GenFile);
}

/** A message of a file by its place, or one within a message by the places on the way to it. */
export function messageDesc<Shape extends Message>(
  file: DescFile,
  place: number,
  ...places: readonly number[]
): GenMessage<Shape> {
  return lazily(() => messageAt(file, place, places) as GenMessage<Shape>);
}

/** An enum of a file by its place, or one within a message by the places on the way to it. */
export function enumDesc<Shape extends number>(
  file: DescFile,
  place: number,
  ...places: readonly number[]
): GenEnum<Shape> {
  return lazily(() => {
    const last = places.at(-1);
    const found =
      last === undefined ? file.enums[place] : messageAt(file, place, places.slice(0, -1)).nestedEnums[last];
    return known(found) as GenEnum<Shape>;
  });
}

/** A service of a file by its place. */
export function serviceDesc<Shape extends GenServiceMethods>(
  file: DescFile,
  place: number,
): GenService<Shape> {
  return lazily(() => known(file.services[place]) as GenService<Shape>);
}

function messageAt(file: DescFile, place: number, places: readonly number[]): DescMessage {
  return places.reduce(
    (message, within) => known(message.nestedMessages[within]),
    known(file.messages[place]),
  );
}

function known<T>(found: T | undefined): T {
  if (found === undefined) throw new Error("the generated code names a descriptor that is not there");
  return found;
}

/** What stands for an object until one of its properties is read: then it is made. */
function lazily<T extends object>(make: () => T): T {
  let made: T | undefined;
  const object = (): T => {
    made ??= make();
    return made;
  };
  return new Proxy({} as T, {
    get: (_, property) => Reflect.get(object(), property),
    has: (_, property) => Reflect.has(object(), property),
  });
}
