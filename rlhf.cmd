@echo off
set "here=%~dp0"
set "program=%here%artifacts\bin\Rlhf.Cli\release\Rlhf.Cli.dll"
if not exist "%program%" dotnet build "%here%src\Rlhf.Cli\Rlhf.Cli.csproj" -c Release -v quiet --nologo 1>&2 || exit /b 1
dotnet "%program%" %*
